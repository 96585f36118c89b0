"""torch.export programs are translated; one that could run code of its own is refused."""

import io
import json
import zipfile

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.exporter import program_checks, programs, sources


class TwoInputs(nn.Module):
    """Two inputs, two outputs, a size that is computed, an equation in words."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x, y):
        x = torch.nn.functional.gelu(self.norm(self.conv(x)), approximate="tanh")
        maps = x.reshape(x.shape[0], 4, x.shape[2] * x.shape[3])
        pooled = torch.einsum("ncp,np->nc", maps, torch.softmax(maps.mean(1), 1))
        return self.head(pooled) + y, {"pooled": pooled}


@pytest.fixture(scope="module")
def example():
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 2, 6, 6), (2, 3))
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = TwoInputs().eval()
    with torch.no_grad():
        model.conv.weight[:2] = 0
    return model


@pytest.fixture(scope="module")
def saved(model, example, tmp_path_factory):
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, example, dynamic_shapes=({0: batch}, {0: batch}))
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    torch.export.save(program, path)
    return path


@pytest.mark.slow
def test_a_program_becomes_onnx_with_its_own_signature(saved, model, example):
    source = sources.load(saved)
    assert source.kind == "program"
    assert source.provenance["found"] == ["torch.export program"]
    assert source.provenance["sparsity"] == {"conv.weight": 0.5}
    assert [tuple(t.shape) for t in source.example[0]] == [tuple(t.shape) for t in example]
    proto = programs.to_onnx(source.program)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    more = [torch.cat([t, t, t]) for t in example]
    names = [port.name for port in session.get_inputs()]
    got = session.run(None, {n: t.numpy() for n, t in zip(names, more, strict=True)})
    with torch.no_grad():
        logits, rest = model(*more)
    np.testing.assert_allclose(got[0], logits.numpy(), atol=1e-5)
    np.testing.assert_allclose(got[1], rest["pooled"].numpy(), atol=1e-5)


def rewrite(saved, target, change):
    """A copy of the program with one member changed."""
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, change(name.partition("/")[2], source.read(name)))
    return target


def edit_graph(edit):
    def change(name, content):
        if name != "models/model.json":
            return content
        document = json.loads(content)
        edit(document)
        return json.dumps(document).encode()

    return change


def nodes(document):
    return document["graph_module"]["graph"]["nodes"]


def set_size(document, text):
    sizes = document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"]
    assert "as_expr" in sizes[0]
    sizes[0]["as_expr"]["expr_str"] = text


def set_tree(document, tree):
    signature = document["graph_module"]["module_call_graph"][0]["signature"]
    signature["in_spec"] = json.dumps([1, tree])


HOSTILE = {
    "operator": (lambda d: nodes(d)[0].update(target="torch.os.system"), "torch.os.system"),
    "reader": (lambda d: nodes(d)[0].update(target="torch.load"), "operator 'torch.load'"),
    "mapped file": (
        lambda d: nodes(d)[0].update(target="torch.ops.aten.from_file.default"),
        "from_file",
    ),
    "library": (lambda d: nodes(d)[0].update(target="torch.ops.load_library"), "load_library"),
    "call in a size": (lambda d: set_size(d, "__import__('os').system('x')"), "the size"),
    "built-in in a size": (lambda d: set_size(d, "exec(chr(49))"), "the size"),
    "attribute in a size": (lambda d: set_size(d, "s0.func"), "the size"),
    "endless size": (lambda d: set_size(d, "9**9**9**9"), "the size"),
    "name": (lambda d: nodes(d)[0].update(name="x\n    import os"), "the name"),
    "parameter": (
        lambda d: d["graph_module"]["signature"]["input_specs"][0]["parameter"].update(
            parameter_name="conv.weight)\nimport os"
        ),
        "the text",
    ),
    "container": (
        lambda d: set_tree(
            d,
            {
                "type": "collections.defaultdict",
                "context": json.dumps({"default_factory_module": "antigravity"}),
                "children_spec": [],
            },
        ),
        "collections.defaultdict",
    ),
    "enumeration": (
        lambda d: set_tree(
            d,
            {
                "type": "builtins.dict",
                "context": json.dumps([{"__enum__": True, "fqn": "antigravity:x", "name": "y"}]),
                "children_spec": [],
            },
        ),
        "builtins.dict",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_graph_that_could_run_code_is_refused(name, saved, tmp_path, monkeypatch):
    edit, message = HOSTILE[name]
    path = rewrite(saved, tmp_path / "model.pt2", edit_graph(edit))
    monkeypatch.setattr(torch.export, "load", lambda *_: pytest.fail("torch saw the file"))
    with pytest.raises(InputError, match=message):
        sources.load(path)


class Harmful:
    """Runs code when it is unpickled."""

    ran = False

    def __reduce__(self):
        return (setattr, (Harmful, "ran", True))


def pickled():
    stream = io.BytesIO()
    torch.save((Harmful(),), stream)
    return stream.getvalue()


def as_pickle(name, content):
    if name == "data/weights/weight_0":
        return pickled()
    if name == "data/weights/model_weights_config.json":
        return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
    return content


def as_object(name, content):
    if name != "data/constants/model_constants_config.json":
        return content
    entry = {"path_name": "opaque_obj_0", "use_pickle": True, "tensor_meta": None}
    return json.dumps({"config": {"c": entry}}).encode()


@pytest.mark.parametrize(
    "change",
    [
        as_pickle,
        as_object,
        lambda n, c: pickled() if n == "data/sample_inputs/model.pt" else c,
    ],
    ids=["weight", "constant", "example"],
)
def test_a_pickle_inside_is_refused(change, saved, tmp_path):
    path = rewrite(saved, tmp_path / "model.pt2", change)
    with pytest.raises(InputError, match="plain tensors and aten operators"):
        sources.load(path)
    assert not Harmful.ran


def test_python_guards_and_foreign_members_are_left_out(saved, tmp_path):
    def edit(document):
        document["guards_code"] = ["__import__('os').abort()"]
        for node in nodes(document):
            node["metadata"] = {"source_fn_stack": "x,torch.os", "stack_trace": "a\nb"}

    path = rewrite(saved, tmp_path / "model.pt2", edit_graph(edit))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/data/aotinductor/model/evil.so", b"\x7fELF")
        archive.writestr("model/models/other.json", b"{}")
    program = sources.load(path).program
    assert "abort" not in str(program._guards_code)


def test_compressed_and_repeated_members_are_refused(saved, tmp_path):
    path = tmp_path / "model.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/archive_format", b"pt2" * 1000)
    with pytest.raises(InputError, match="compressed members"):
        programs.read(path)
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(archive.namelist()[0], b"")
    with pytest.raises(InputError, match="the same member twice"):
        programs.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 cut", b"\x80\2}."])
def test_files_that_are_no_programs_are_refused(content, tmp_path):
    path = tmp_path / "model.pt2"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"expected a torch\.export program"):
        programs.read(path)
    with pytest.raises(InputError, match="found no file"):
        programs.read(tmp_path / "none.pt2")


@pytest.mark.parametrize(
    "text",
    [
        "s77",
        "2*s77 + 1",
        "Max(1, FloorDiv(s77, 2))",
        "(s0 - 1)**2",
        "Add(Integer(1), Pow(Symbol('s17', positive=True, integer=True), Integer(2)))",
    ],
)
def test_sizes_as_torch_writes_them_pass(text):
    program_checks._expression(text)
