"""What a network of torch answers, where it answers more than logits."""

from collections.abc import Mapping
from typing import Any


def logits_of(answer: Any) -> Any:
    """The logits of an answer: itself, or of a mapping ``out`` or ``logits``; None without either.

    torchvision's networks that segment give the one, those of transformers the other.
    """
    if not isinstance(answer, Mapping):
        return answer
    return answer.get("out", answer.get("logits"))
