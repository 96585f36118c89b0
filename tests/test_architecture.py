"""The one-way import rule, as data. Change this table only together with ARCHITECTURE.md."""

import ast
import graphlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
BASE = {"errors", "files"}
ALLOWED = {
    "errors": set(),
    "files": {"errors"},
    "labels": set(),
    "kernels": set(),
    "_cpu": set(),
    "records": BASE,
    "recipe": {"errors"},
    "formats": BASE,
    "graph": {"errors"},
    "onnxruntime": BASE,
    "environment": {"_cpu", "onnxruntime"},
    "models": {"errors"},
    "data": {*BASE, "labels", "recipe"},
    "train": {"data", "errors", "formats", "labels", "recipe"},
    "prune": {"_cpu", "errors", "formats", "graph", "labels", "recipe"},
    "convert": {"errors", "formats", "graph", "models"},
    "accelerator": {"errors", "graph", "kernels"},
    "runtime": {"errors", "formats", "models", "onnxruntime"},
    "rewrite": BASE,
    "exporter": {*BASE, "convert", "formats", "models", "onnxruntime", "rewrite", "runtime"},
    "inspector": {"errors", "rewrite", "runtime"},
    "evaluate": {"errors", "labels", "records", "runtime"},
    "measure": {*BASE, "onnxruntime", "recipe", "records", "rewrite", "runtime"},
    "report": {"files", "records"},
    "pipeline": {
        *BASE,
        *("convert", "data", "environment", "evaluate", "exporter", "formats", "measure"),
        *("models", "prune", "recipe", "records", "report", "runtime", "train"),
    },
    "sweep": {*BASE, "data", "evaluate", "models", "pipeline", "prune", "recipe", "records"},
}
ALLOWED["cli"] = set(ALLOWED) - {"cli"}
ALLOWED["__main__"] = {"cli"}


# The rooms of C++, by their #include "..." lines.
CSRC = ROOT / "csrc"
CSRC_ALLOWED = {"kernels": set(), "engine": {"kernels"}, "ort": {"engine"}, "python": {"engine"}}


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
    graphlib.TopologicalSorter(CSRC_ALLOWED).prepare()


def test_csrc_includes_go_one_way():
    files = [*CSRC.rglob("*.h"), *CSRC.rglob("*.cpp")]
    assert len(files) > 60
    assert {file.relative_to(CSRC).parts[0] for file in files} == set(CSRC_ALLOWED)
    wrong = []
    for file in files:
        inside = file.relative_to(CSRC).parts[0]
        for name in re.findall(r'^\s*#\s*include\s*"(.*?)"', file.read_text(), re.MULTILINE):
            assert (CSRC / name).is_file(), f"{file}: write {name} from csrc on"
            if name.split("/")[0] not in CSRC_ALLOWED[inside] | {inside}:
                wrong.append(f"{file.relative_to(ROOT)} includes {name}")
    assert not wrong, "\n".join(wrong)
