"""Models move to the operator set of the oldest runtime, or say why they cannot."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import rewrite
from sparseprune.errors import InputError
from sparseprune.rewrite import versions


def model(*nodes, opset, ir=10, x=(1, 4, 6, 6), weights=None):
    info = helper.make_tensor_value_info
    ports = [info("x", TensorProto.FLOAT, x)], [info("y", TensorProto.FLOAT, [None] * len(x))]
    tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "g", *ports, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    onnx.checker.check_model(made, full_check=True)
    return made


CONV = helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4)
WEIGHTS = {"w": np.ones((4, 4, 3, 3), np.float32)}


def test_a_model_that_can_be_read_stays_as_it_is():
    proto = model(CONV, helper.make_node("Relu", ["c"], ["y"]), opset=17, ir=8, weights=WEIGHTS)
    made = rewrite.for_runtime(proto, (1, 17))
    assert made == proto
    assert made is not proto


@pytest.mark.parametrize(
    ("oldest", "opset", "ir"),
    [((1, 17), 20, 9), ((1, 18), 21, 10), ((1, 20), 21, 10), ((1, 23), 23, 11), ((2, 0), 23, 11)],
)
def test_newer_definitions_that_only_admit_more_types_are_renumbered(oldest, opset, ir):
    """Conv, Relu and pooling changed in opset 22, and mean the same."""
    pool = helper.make_node("GlobalAveragePool", ["c"], ["y"])
    proto = model(CONV, pool, opset=23, ir=11, weights=WEIGHTS)
    made = rewrite.for_runtime(proto, oldest)
    assert (made.opset_import[0].version, made.ir_version) == (opset, ir)
    assert made.graph == proto.graph
    onnx.checker.check_model(made, full_check=True)


def test_the_newest_operator_sets_are_lowered_too():
    newest = max(opset for opset, _ in versions.READS.values())
    proto = model(CONV, helper.make_node("Relu", ["c"], ["y"]), opset=newest, weights=WEIGHTS)
    assert rewrite.for_runtime(proto, (1, 17)).opset_import[0].version == 20


def test_subgraphs_and_functions_are_lowered_too():
    inner = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["z"])],
        "inner",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4, 6, 6])],
    )
    choice = helper.make_node("If", ["flag"], ["y"], then_branch=inner, else_branch=inner)
    proto = model(choice, opset=22, weights={"flag": np.array(True)})
    proto.functions.append(
        helper.make_function(
            "own",
            "Twice",
            ["a"],
            ["b"],
            [helper.make_node("Add", ["a", "a"], ["b"])],
            [helper.make_opsetid("", 22)],
        )
    )
    proto.opset_import.add(domain="own", version=1)
    made = rewrite.for_runtime(proto, (1, 17))
    onnx.checker.check_model(made, full_check=True)
    assert [entry.version for entry in made.functions[0].opset_import] == [20]


def test_what_the_older_set_lacks_is_named():
    rms = helper.make_node("RMSNormalization", ["x", "s"], ["y"])
    proto = model(rms, opset=23, ir=11, x=(2, 4), weights={"s": np.ones(4, np.float32)})
    with pytest.raises(
        InputError,
        match=r"operators of opset 20, the newest that ONNX Runtime 1\.17 reads, got "
        r"RMSNormalization of opset 23 without a counterpart; ask for a newer runtime",
    ):
        rewrite.for_runtime(proto, (1, 17))
    assert rewrite.for_runtime(proto, (1, 23)) == proto


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < 24, reason="this onnx has no opset 24")
def test_an_attribute_the_older_set_lacks_is_no_renumbering():
    """A new rounding of Cast cannot be dropped silently."""
    cast = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT, round_mode="down")
    proto = model(cast, opset=24, ir=12, x=(2, 4))
    with pytest.raises(InputError, match="got Cast of opset 24 without a counterpart"):
        rewrite.for_runtime(proto, (1, 17))


def test_notes_newer_than_the_format_leave():
    proto = model(helper.make_node("Relu", ["x"], ["y"]), opset=20)
    proto.graph.node[0].metadata_props.add(key="trace", value="file.py")
    proto.metadata_props.add(key="kept", value="yes")
    made = rewrite.for_runtime(proto, (1, 17))
    assert not made.graph.node[0].metadata_props
    assert [entry.key for entry in made.metadata_props] == ["kept"]
    assert made.ir_version == 9


def test_runtimes_older_than_any_we_know_are_refused():
    with pytest.raises(InputError, match=r"expected an ONNX Runtime from 1\.17 on, got 1\.16"):
        versions.newest((1, 16))


def test_old_models_are_raised_by_onnx_itself():
    proto = model(helper.make_node("Softmax", ["x"], ["y"], axis=1), opset=11, ir=6, x=(2, 4))
    proto.metadata_props.add(key="kept", value="yes")
    made = versions.at_least(proto, 13)
    assert made.opset_import[0].version == 13
    assert [entry.key for entry in made.metadata_props] == ["kept"]
    assert versions.at_least(proto, 9) == proto


def test_old_models_with_sparse_tensors_are_refused():
    proto = model(helper.make_node("Add", ["x", "x"], ["y"]), opset=11, ir=6, x=(2, 4))
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    with pytest.raises(InputError, match="convert from opset 11 to 13, got one with functions or"):
        versions.at_least(proto, 13)
