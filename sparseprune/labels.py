"""Labels that do not count: no training learns from them, no score is judged by them."""

#: Of a pixel that belongs to no class: borders of objects in VOC, and what pads a mask.
VOID = 255
#: Of a class that a picture may show or not, such as the difficult ones of VOC.
UNKNOWN = -1
