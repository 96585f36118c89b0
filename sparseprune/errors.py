"""The two ways a request can end badly without being a bug.

Every message is one sentence a user can act on: what was expected, what came, what to do.
"""


class InputError(ValueError):
    """A recipe, file, model or argument is not what was expected; nothing was written."""


def first_line(error: BaseException) -> str:
    """The first line of what a library said, for the middle of a sentence."""
    return str(error).strip().partition("\n")[0].rstrip(" .") or type(error).__name__


# Packages by the name they are imported with, and the extra of pyproject.toml that brings them.
EXTRAS = {
    **dict.fromkeys(("pydantic", "rich", "typer", "yaml"), "cli"),
    **dict.fromkeys(("onnx", "onnxruntime"), "onnx"),
    **dict.fromkeys(("PIL", "onnxscript", "psutil", "safetensors", "scipy", "torch"), "train"),
    **dict.fromkeys(("jinja2", "matplotlib"), "report"),
    "triton": "gpu",
}


def how_to_install(module: str | None) -> str:
    """The end of a sentence that says that a package is missing: how to get it.

    Args:
        module: what could not be imported; what follows a dot does not matter.
    """
    extra = EXTRAS.get((module or "").partition(".")[0], "all")
    # Most who lack the command line's own packages want it for ONNX files.
    found = "cli,onnx" if extra in ("cli", "onnx") else extra
    return f"which is not installed; run: pip install 'sparseprune[{found}]'"


class GateError(RuntimeError):
    """A check the user relies on failed: parity, hidden loss or an accuracy gate (exit code 3)."""
