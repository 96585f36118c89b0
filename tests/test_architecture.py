"""The one-way import rule, as data. Change this table only together with ARCHITECTURE.md."""

import ast
import graphlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BASE = {"errors", "files"}
ALLOWED = {
    "errors": set(),
    "files": {"errors"},
    "kernels": set(),
    "_cpu": set(),
    "records": BASE,
    "recipe": {"errors"},
    "formats": BASE,
    "graph": {"errors"},
    "onnxruntime": {"errors"},
    "environment": {"_cpu", "onnxruntime"},
    "models": {"errors", "formats", "recipe"},
    "data": {*BASE, "recipe"},
    "train": {"errors", "formats", "recipe"},
    "prune": {"errors", "formats", "graph", "recipe", "train"},
    "convert": {"errors", "formats", "graph", "models"},
    "runtime": {"errors", "formats", "models", "onnxruntime"},
    "exporter": {*BASE, "convert", "formats", "onnxruntime", "runtime"},
    "evaluate": {"data", "errors", "recipe", "records", "runtime"},
    "measure": {"errors", "recipe", "records", "runtime"},
    "report": {*BASE, "records"},
    "pipeline": {
        *BASE,
        *("convert", "data", "environment", "evaluate", "exporter", "formats", "measure"),
        *("models", "prune", "recipe", "records", "report", "runtime", "train"),
    },
}
ALLOWED["cli"] = set(ALLOWED) - {"cli"}
ALLOWED["__main__"] = {"cli"}


def room(path):
    """sparseprune/data/idx.py -> data; kernels/x.py -> kernels; sparseprune/recipe.py -> recipe."""
    top, second = path.relative_to(ROOT).parts[:2]
    return "kernels" if top == "kernels" else second.removesuffix(".py")


def imports(path):
    """Rooms of ours that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("sparseprune."):
                yield name.split(".")[1]


def test_imports_go_one_way():
    files = [*ROOT.glob("sparseprune/**/*.py"), *ROOT.glob("kernels/**/*.py")]
    assert len(files) > 20
    wrong = [
        f"{file.relative_to(ROOT)} imports sparseprune.{target}"
        for file in files
        if file != ROOT / "sparseprune/__init__.py"
        for target in imports(file)
        if target not in ALLOWED[room(file)] | {room(file), "__version__"}
    ]
    assert not wrong, "\n".join(wrong)


def test_table_has_no_cycle():
    graphlib.TopologicalSorter(ALLOWED).prepare()


def test_engine_does_not_know_its_hosts():
    """csrc: engine and kernels include neither ort nor python; the hosts include engine only."""
    for file in (ROOT / "csrc").rglob("*.[ch]*"):
        inner = file.relative_to(ROOT / "csrc").parts[0] in {"engine", "kernels"}
        for line in file.read_text().splitlines():
            if line.startswith('#include "') and inner:
                assert not line.startswith(('#include "ort/', '#include "python/')), file
