"""The two ways a request can end badly without being a bug.

Every message is one sentence a user can act on: what was expected, what came, what to do.
"""


class InputError(ValueError):
    """A recipe, file, model or argument is not what was expected; nothing was written."""


def first_line(error: BaseException) -> str:
    """The first line of what a library said, for the middle of a sentence."""
    return str(error).strip().partition("\n")[0].rstrip(" .") or type(error).__name__


class GateError(RuntimeError):
    """A check the user relies on failed: parity, hidden loss or an accuracy gate (exit code 3)."""
