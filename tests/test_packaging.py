"""What an installed sparseprune finds: the mapped kernels folder, data files, few imports."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
XZ_MAGIC = b"\xfd7zXZ\x00"


def imported(module, folder) -> dict:
    """Import in a fresh interpreter away from the source tree; its modules and the file found."""
    program = (
        "import importlib, json, sys\n"
        f"found = importlib.import_module({module!r})\n"
        "print(json.dumps({'file': found.__file__, 'modules': sorted(sys.modules)}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def sources(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.py")}


def test_kernels_is_the_folder_at_the_top(tmp_path):
    found = imported("sparseprune.kernels", tmp_path)
    assert "grouped_linear.py" in sources(ROOT / "kernels")
    assert sources(Path(found["file"]).parent) == sources(ROOT / "kernels")


def test_kernels_has_one_name(tmp_path):
    """Twice imported, under its own name too, would be two modules; PyPI has another `kernels`."""
    assert "kernels" not in imported("sparseprune.kernels", tmp_path)["modules"]


def test_no_second_kernels_folder():
    """It would hide the mapped one."""
    assert not (ROOT / "sparseprune" / "kernels").exists()


@pytest.mark.parametrize(
    "module", ["sparseprune", "sparseprune.onnxruntime", "sparseprune.runtime"]
)
def test_serving_needs_no_torch(module, tmp_path):
    assert "torch" not in imported(module, tmp_path)["modules"]


def test_naming_kernels_needs_neither_triton_nor_torch(tmp_path):
    assert {"triton", "torch"}.isdisjoint(imported("sparseprune.kernels", tmp_path)["modules"])


def test_pictures_are_readable():
    folder = resources.files("sparseprune.data") / "fashion_mnist"
    files = {item.name: item.read_bytes() for item in folder.iterdir()}
    assert {
        f"{split}-{part}-ubyte.xz"
        for split in ("train", "t10k")
        for part in ("images-idx3", "labels-idx1")
    } <= set(files)
    assert all(data.startswith(XZ_MAGIC) for name, data in files.items() if name.endswith(".xz"))
    assert "Copyright" in files["LICENSE"].decode()


def test_report_template_is_readable():
    page = resources.files("sparseprune.report")
    assert "<html" in (page / "page.html.j2").read_text(encoding="utf-8")
    assert "{" in (page / "page.css").read_text(encoding="utf-8")


def test_a_built_package_holds_every_source_and_data_file(tmp_path):
    """An editable install finds files that pyproject.toml forgot; a wheel does not."""
    pytest.importorskip("pybind11")
    pytest.importorskip("setuptools")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    wanted = {path.relative_to(ROOT) for path in packaged(ROOT / "sparseprune")}
    wanted |= {Path("sparseprune") / path.relative_to(ROOT) for path in packaged(ROOT / "kernels")}
    assert len(wanted) > 50
    built = {path.relative_to(tmp_path) for path in packaged(tmp_path)}
    assert built == wanted


def packaged(folder: Path) -> list[Path]:
    """All files but compiled ones."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".so" and "__pycache__" not in path.parts
    ]
