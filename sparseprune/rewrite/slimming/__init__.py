"""Slimming of ONNX graphs: channels that carry nothing leave the tensors of any file.

A channel carries nothing if it is the same number for every input, or if nobody reads it. Channels
are followed from node to node (``flow``, by the rules of ``layers``, ``elementwise``, ``spatial``,
``layout`` and ``reshape``); those tied by a sum or a depthwise convolution stay or leave together.
What is not understood keeps all channels it reads, so an unknown operator costs size, never
correctness. Zeros are structural: a weight that is zero reads nothing.
"""

import onnx

from sparseprune.errors import InputError
from sparseprune.rewrite.slimming import elementwise, layers, layout, reshape, spatial
from sparseprune.rewrite.slimming.choice import choose
from sparseprune.rewrite.slimming.editor import Editor
from sparseprune.rewrite.slimming.flow import Flow
from sparseprune.rewrite.slimming.view import View

__all__ = ["slim"]

# Before it, sums were broadcast by an attribute and BatchNormalization could train.
_OLDEST = 7
_RULES = {**layers.RULES, **elementwise.RULES, **spatial.RULES, **layout.RULES, **reshape.RULES}


def slim(proto: onnx.ModelProto, *, round_to: int = 8) -> onnx.ModelProto:
    """A model with fewer channels and the same answers, to rounding; ``proto`` is left as it was.

    Inputs and outputs keep their names, types and shapes. A channel that is one number other than
    zero leaves where the bias of all its readers can take over what it adds: not in front of
    padding.

    Args:
        proto: a valid model; weights in other files are left as they are.
        round_to: channel counts of the layers are rounded up to a multiple, by keeping channels
            that could leave, as far as there are. Grouped convolutions keep groups of one size.

    Raises:
        InputError: ``round_to`` is not positive, the operator set is too old, or no channel can
            leave.
    """
    if round_to < 1:
        raise InputError(f"round_to: expected a whole number from 1, got {round_to}")
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    view = View(made)
    if view.opset < _OLDEST:
        raise InputError(
            f"expected operator set {_OLDEST} or newer, got {view.opset}; "
            "convert the model with onnx.version_converter"
        )
    flow = Flow(view)
    flow.walk(_RULES)
    stays = choose(flow, round_to)
    if stays.all():
        raise InputError(
            f"no channel can leave in steps of {round_to}: expected channels that are zero, or "
            "that no weight reads; prune filters, use a smaller round_to, or keep the plain form"
        )
    editor = Editor(view, stays)
    for layer in flow.layers:
        layer.rewrite(editor)
    for edit in flow.edits:
        edit(editor)
    editor.clean({name for name, t in flow.tracks.items() if not stays[t.ids].all()})
    return made
