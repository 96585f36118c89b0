"""GPU kernels in Triton: one file an operation, with its plain reference and its launcher.

``grouped_linear`` takes rows of features, ``grouped_conv`` images in NHWC,
``grouped_feature_major`` features of tokens, of which single ones may be dropped, and
``segment_gemv`` one to four tokens.
Dense layers are grouped ones with every block kept: ``pack(weight, torch.ones_like(mask))``.

Import the file of the operation (``sparseprune.kernels.grouped_linear``); this module imports
nothing, so that it can be named on machines without Triton.
"""
