"""docs/: Python runs as it stands, C++ is the example's, and names are those of the sources."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
PYTHON = [
    pytest.param(code, id=f"{name}-{i}")
    for name, text in PAGES.items()
    for i, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]
GIVEN = "import numpy\nbatch = numpy.zeros((2, 3, 32, 32), numpy.float32)\n"
# Messages of ONNX Runtime and of the system's loader.
THEIRS = ("Failed to load library", "Failed to add kernel", "Got invalid dimensions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, load):
    """Holds the model that the pages speak of."""
    networks = load(ROOT / "tests" / "ort" / "networks.py")
    net, rng = networks.Network(), np.random.default_rng(0)
    x = net.add("Conv", net.input("input", ["N", 3, 32, 32]), networks.sparse(rng, (8, 3, 3, 3), 0))
    for _ in range(2):
        w = networks.sparse(rng, (8, 8, 3, 3), 0.9)
        x = net.add("Conv", net.add("Relu", x), w)
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    net.nodes.append(
        onnx.helper.make_node("Gemm", [x, net.constant(networks.weight(8, 10))], ["logits"])
    )
    folder = tmp_path_factory.mktemp("docs")
    (folder / "model.onnx").write_bytes(net.serialize("logits"))
    return folder


@pytest.mark.parametrize("code", PYTHON)
def test_python_runs(code, folder):
    """In a process of its own: a library is registered once per process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"{GIVEN}{code}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_cpp_is_the_example():
    (code,) = re.findall(r"```cpp\n(.*?)```", PAGES["deploy.md"], re.DOTALL)
    assert code in (ROOT / "examples/cpp/sparse_session.h").read_text()


def test_links_lead_somewhere():
    links = [link for text in PAGES.values() for link in re.findall(r"\]\(([^)#]+)", text)]
    assert links
    for link in links:
        assert (ROOT / "docs" / link).exists(), link


def rows(page, heading):
    """First cells of the table under a heading, its own heading left out."""
    section = PAGES[page].split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (.*?) \|", section, re.MULTILINE)[1:]


def test_options_are_those_of_the_library():
    source = (ROOT / "csrc/ort/options.cpp").read_text()
    known = re.findall(r'(?:Read|Parse)\(api, session, "(\w+)"', source)
    assert {row.strip("`") for row in rows("production.md", "Options of the provider")} == set(
        known
    )


def test_errors_are_said_so():
    sources = [*ROOT.glob("csrc/ort/*.cpp"), *ROOT.glob("sparseprune/**/*.py")]
    # Literals that go on in the next line or take a value in between are joined.
    said = " ".join(re.sub(r'"\s*"', "", path.read_text()) for path in sources)
    messages = [m for row in rows("production.md", "Errors") for m in re.findall("`(.*?)`", row)]
    ours = [message for message in messages if not message.startswith(THEIRS)]
    assert len(ours) > 4
    for message in ours:
        for part in re.split(r"'?\.\.\.'?|\d+\.\d+", message):
            assert part.strip() in said, part


def test_the_table_of_checks_names_every_language():
    fences = set(re.findall(r"```(\w+)\n", PAGES["deploy.md"]))
    names = {"cpp": "C++", "csharp": "C#", "js": "Node"}
    told = {names.get(fence, fence.capitalize()) for fence in fences}
    assert told == set(rows("deploy.md", "What was run"))
