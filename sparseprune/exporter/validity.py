"""What ONNX's own checker says of a model."""

from pathlib import Path

import onnx

_BROKEN = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError)


def fault(model: onnx.ModelProto | Path) -> str | None:
    """What is wrong with a model, or with a file and the weights beside it; None: nothing is."""
    try:
        if isinstance(model, Path):
            onnx.checker.check_model(str(model))
        else:
            # ONNX's own shape inference does not know sparse initializers of convolutions.
            onnx.checker.check_model(model, full_check=not model.graph.sparse_initializer)
    except _BROKEN as error:
        return " ".join(str(error).split())[:300]
    return None
