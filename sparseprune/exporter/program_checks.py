"""What a program file may say without being able to run anything of its own."""

import ast
import json
import re
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Device names, dotted names of parameters, modes of operators, einsum equations. No quotes, no
# brackets and no line ends, so none can close the place in source code that it is put in.
_HARMLESS = re.compile(r"[A-Za-z0-9_.,:+> -]*")
_SYMBOL = re.compile(r"[a-z]+\d+")
_OPERATOR = re.compile(
    r"torch\.ops\.aten\.(?!from_file)[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?"
    r"|torch\.ops\.higher_order\.wrap_with_(set_grad_enabled|autocast)"
    r"|torch\.sym_(int|float|max|min|not|ite|sum)"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|getitem|eq|ne|lt|le|gt|ge|and_|or_)"
    r"|math\.(ceil|floor|trunc)"
)
# What torch writes sizes with: sympy's own constructors (its ``srepr``), and the functions of
# torch/utils/_sympy/functions.py.
_FUNCTIONS = {
    *("FloorDiv", "ModularIndexing", "Where", "PythonMod", "Mod", "CleanDiv", "CeilToInt"),
    *("FloorToInt", "CeilDiv", "PowByNatural", "IntTrueDiv", "TruncToInt", "RoundToInt"),
    *("ToFloat", "Max", "Min", "Symbol", "Integer", "Rational", "Add", "Mul", "Pow", "And", "Or"),
    *("Not", "Equality", "LessThan", "GreaterThan", "StrictLessThan"),
    "StrictGreaterThan",
}
_NODES = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Load, ast.keyword),
    *(ast.operator, ast.unaryop, ast.cmpop),
)
_LONGEST, _LARGEST_POWER = 1000, 16
# Containers that inputs and outputs may be nested in.
_TREES = {None, "builtins.tuple", "builtins.list", "builtins.dict"}


class Refused(Exception):
    """What was found, for the middle of a sentence."""


def payloads(config: Any, folder: str) -> None:
    """Every tensor lies in a raw file of its own.

    Raises:
        Refused: one is pickled, or is no tensor.
    """
    for name, entry in config["config"].items():
        raw = re.fullmatch(r"(weight|tensor)_\d+", entry["path_name"])
        if entry.get("use_pickle") or not raw or not _HARMLESS.fullmatch(name):
            raise Refused(f"{name!r} in {folder}, which is not stored as a plain tensor")
        _walk(entry)


def graph(document: Any) -> Any:
    """The program without what is not needed to translate it: notes, guards in Python.

    Raises:
        Refused: an operator, a name, a size or a container is not one of those known to be safe.
    """
    document["guards_code"] = []
    document["graph_module"]["metadata"] = {}
    document["graph_module"]["treespec_namedtuple_fields"] = {}
    if not all(_SYMBOL.fullmatch(name) for name in document["range_constraints"]):
        raise Refused("a range of something that is no size")
    _walk(document)
    return document


def _walk(value: Any, key: str = "") -> None:
    if isinstance(value, dict):
        _mapping(value)
    elif isinstance(value, list):
        for item in value:
            _walk(item, key)
    elif isinstance(value, str):
        _text(value, key)


def _mapping(value: dict[str, Any]) -> None:
    if "inputs" in value and "target" in value:
        value["metadata"] = {}
        if not _OPERATOR.fullmatch(str(value["target"])):
            raise Refused(f"the operator {str(value['target'])[:80]!r}")
    for key, item in value.items():
        if item and ("custom_obj" in key or "opaque" in key):
            raise Refused("an object of a class of its own")
        if not _HARMLESS.fullmatch(key):
            raise Refused(f"the name {key[:80]!r}")
        _walk(item, key)


def _text(value: str, key: str) -> None:
    if key == "expr_str":
        _expression(value)
    elif key in ("in_spec", "out_spec"):
        protocol, tree = json.loads(value)
        if protocol != 1:
            raise Refused("inputs or outputs of an unknown form")
        _tree(tree)
    elif key == "as_operator" and not _OPERATOR.fullmatch(value):
        raise Refused(f"the operator {value[:80]!r}")
    elif key == "name" and value and not _IDENTIFIER.fullmatch(value):
        raise Refused(f"the name {value[:80]!r}")
    elif not _HARMLESS.fullmatch(value):
        raise Refused(f"the text {value[:80]!r}")


def _tree(tree: Any) -> None:
    keys = json.loads(tree["context"] or "null") or []
    named = isinstance(keys, list) and all(isinstance(k, str) for k in keys)
    if tree["type"] not in _TREES or not named or not all(map(_HARMLESS.fullmatch, keys)):
        raise Refused(f"inputs or outputs in a {tree['type']}")
    for child in tree["children_spec"]:
        _tree(child)


def _expression(text: str) -> None:
    """Sums, products and known functions of sizes; powers are small, so it stays a small number."""
    try:
        tree = ast.parse(text, mode="eval") if len(text) <= _LONGEST else None
    except SyntaxError:
        tree = None
    if tree is None or not all(_plain(node) for node in ast.walk(tree)):
        raise Refused(f"the size {text[:80]!r}")


def _plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS:
            return False
        return node.func.id != "Pow" or (len(node.args) == 2 and _small(node.args[1]))
    if isinstance(node, ast.Name):
        return node.id in _FUNCTIONS or _SYMBOL.fullmatch(node.id) is not None
    if isinstance(node, ast.Constant):
        name = isinstance(node.value, str) and _SYMBOL.fullmatch(node.value)
        return bool(name) or type(node.value) in (int, float, bool)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return _small(node.right)
    return isinstance(node, _NODES)


def _small(power: ast.expr) -> bool:
    if isinstance(power, ast.Call) and len(power.args) == 1:  # Integer(2)
        return _small(power.args[0])
    return (
        isinstance(power, ast.Constant)
        and isinstance(power.value, int)
        and abs(power.value) <= _LARGEST_POWER
    )
