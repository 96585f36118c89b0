"""Whether a model's names are text, as ONNX asks and not every writer cares."""

from typing import Any


def is_text(message: Any) -> bool:
    """Whether all text is text: protobuf hands out what is no UTF-8 as bytes."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            parts = [value] if hasattr(value, "ListFields") else value
            if not all(map(is_text, parts)):
                return False
        elif field.type == field.TYPE_STRING:
            texts = [value] if isinstance(value, str | bytes) else value
            if not all(isinstance(text, str) for text in texts):
                return False
    return True
