"""What the engine is to reach: ratios to ONNX Runtime dense float32 of the same run, one thread."""

# By the start of a case's name, then by zeros ("90x4": 90 % in blocks of four outputs).
_CNN = {"80": 2.6, "90": 4.5, "95": 6.5, "90x4": 6.0}
_CIFAR = {"80": 3.6, "90": 6.0, "95": 8.5, "90x4": 8.0}
RATIOS: dict[str, dict[str, float]] = {
    "resnet50-224-b1": _CNN,
    "resnet50-224-b16": {"80": 2.6, "90": 4.3, "95": 6.3, "90x4": 6.0},
    "resnet18-224-b1": _CNN,
    "vgg16-32-b1": {"80": 2.6, "90": 6.0, "95": 10, "90x4": 9},
    "vgg16-32-b64": {"80": 2.6, "90": 6.0, "95": 10, "90x4": 9},
    "resnet20-32-b1": _CIFAR,
    "resnet20-32-b64": _CIFAR,
    "resnet56-32-b1": _CIFAR,
    "resnet56-32-b64": _CIFAR,
    "mobilenet_v1-224-b1": {"80": 1.5, "90": 2.2},
    "feed_forward-768-b128": {"80": 3.3, "90": 6.0, "95": 11, "90x4": 11, "95x4": 18},
    "feed_forward-768-b1": {"80": 2.5, "90": 5.0, "95": 8, "90x4": 10},
}
# Without zeros: this, or left to the CPU provider.
UNPRUNED = 0.95
# Two threads over one.
TWO_THREADS = 1.8
# AVX2 forced, over a dense run capped to AVX2, at 90 %.
AVX2 = {"90": 4.0}
# A fresh process: load and first call of ResNet-50, and its memory over the dense session's.
READY_MS = 1000.0
MEMORY = 1.0


def ratio(case: str, zeros: str, isa: str) -> float | None:
    """The goal of one row, None where there is none."""
    if isa == "avx2":
        return AVX2.get(zeros)
    return UNPRUNED if zeros == "0" else RATIOS.get(case, {}).get(zeros)


# Of the GPU suite, in bfloat16 on an H100, over the case's dense base: the fastest of ours.
_CONV = {"75": 1.5}
GPU: dict[str, dict[str, float]] = {
    "linear-4096x4096-t4096": {"75": 2.0, "90": 4.0},
    "conv-64-64-3x3-56-b32": _CONV,
    "conv-128-128-3x3s2-56-b32": _CONV,
    "conv-128-128-3x3-28-b32": _CONV,
    "conv-256-256-3x3s2-28-b32": _CONV,
    "conv-256-256-3x3-14-b32": _CONV,
    "conv-512-512-3x3s2-14-b32": _CONV,
    "conv-512-512-3x3-7-b32": _CONV,
    "decode-4096x4096-t1": {"90": 3.0},
    "resnet50-224-b32-half": {"0": 2.0},
}


def gpu(case: str, zeros: str) -> float | None:
    """The goal of the fastest of ours, None where there is none."""
    return GPU.get(case, {}).get(zeros)
