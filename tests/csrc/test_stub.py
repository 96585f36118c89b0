"""The hand-written stub says what the compiled module has."""

import ast
from pathlib import Path

import pytest

import sparseprune
from sparseprune import _cpu


def public(module):
    return {name for name in dir(module) if not name.startswith("_")}


@pytest.fixture(scope="module")
def stub():
    (folder,) = {Path(path) for path in sparseprune.__path__}
    return ast.parse((folder / "_cpu.pyi").read_text(encoding="utf-8"))


def declared(body):
    return {n.name: n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}


def test_every_name_is_declared(stub):
    assert set(declared(stub.body)) == public(_cpu)


def test_every_member_is_declared(stub):
    for name, node in declared(stub.body).items():
        if isinstance(node, ast.ClassDef):
            members = {m for m in declared(node.body) if not m.startswith("_")}
            assert members == public(getattr(_cpu, name)), name


def test_every_argument_is_declared(stub):
    """pybind11 writes the signature into the first line of the docstring."""
    for name, node in declared(stub.body).items():
        if isinstance(node, ast.ClassDef):
            continue
        signature = getattr(_cpu, name).__doc__.splitlines()[0]
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            assert f"{argument.arg}:" in signature, (name, argument.arg)
        assert signature.count(":") == len(node.args.args) + len(node.args.kwonlyargs), name
