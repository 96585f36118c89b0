"""Graph rewriting: an ONNX model in, a new one for another purpose out. Needs onnx alone."""

from sparseprune.rewrite.compact import compact, rounded
from sparseprune.rewrite.plain import plain
from sparseprune.rewrite.slimming import slim
from sparseprune.rewrite.versions import for_runtime

__all__ = ["compact", "for_runtime", "plain", "rounded", "slim"]
