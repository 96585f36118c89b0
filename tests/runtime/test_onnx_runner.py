import numpy as np
import onnx
import pytest
from onnx import TensorProto

from sparseprune.errors import InputError
from sparseprune.runtime import OnnxRunner, Runner


def pictures(count, dtype=np.float32):
    return np.random.default_rng(1).normal(size=(count, 3, 2, 2)).astype(dtype)


@pytest.mark.parametrize("count", [1, 125, 126, 301])
def test_every_batch_size_gives_the_same_answers_in_order(write_model, count):
    path, weight = write_model()
    runner = OnnxRunner(path)
    assert isinstance(runner, Runner)
    batch = pictures(count)
    logits = runner.predict(batch)
    assert (logits.shape, logits.dtype) == ((count, 3), np.float32)
    exact = batch.reshape(count, 12).astype(np.float64) @ weight
    # gamma_13 of the magnitudes: 12 products and sums, one rounding of the answer.
    bound = 13 * 2**-24 / (1 - 13 * 2**-24) * np.abs(batch.reshape(count, 12)) @ np.abs(weight)
    assert (np.abs(logits - exact) <= bound).all()


def test_other_floats_and_layouts_are_taken(write_model):
    runner = OnnxRunner(write_model()[0])
    batch = pictures(4)
    expected = runner.predict(batch)
    nhwc = np.ascontiguousarray(batch.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert not nhwc.flags.c_contiguous
    assert np.array_equal(runner.predict(nhwc), expected)
    assert np.array_equal(runner.predict(batch.astype(np.float64)), expected)


def test_it_says_what_it_is(write_model):
    path, _ = write_model()
    runner = OnnxRunner(path, threads=2, provider="cpu")
    assert (runner.name, runner.path, runner.threads) == (str(path), path, 2)
    assert runner.provider == "CPUExecutionProvider"
    assert runner.claimed[0] == 0
    assert OnnxRunner(path.read_bytes(), name="bytes").path is None


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        (pictures(2).astype(np.uint8), "got uint8"),
        ([[1.0]], "got list"),
    ],
)
def test_what_is_not_a_float_array_is_refused(write_model, batch, found):
    with pytest.raises(InputError, match=f"expected a NumPy array of normalised float32.*{found}"):
        OnnxRunner(write_model()[0]).predict(batch)


@pytest.mark.parametrize("shape", [(2, 2, 2, 3), (2, 12), (0, 3, 2, 2), ()])
def test_other_shapes_are_refused(write_model, shape):
    with pytest.raises(InputError, match=r"expected a batch of shape \[N >= 1, 3, 2, 2\], got"):
        OnnxRunner(write_model()[0]).predict(np.zeros(shape, np.float32))


def test_a_fixed_batch_size_is_respected(write_model):
    runner = OnnxRunner(write_model(batch=2)[0])
    assert runner.predict(pictures(6)).shape == (6, 3)
    with pytest.raises(InputError, match="expected a multiple of 2 pictures, got 5"):
        runner.predict(pictures(5))


def test_several_inputs_are_refused(write_model):
    with pytest.raises(InputError, match="one input and one output, got inputs input, input1"):
        OnnxRunner(write_model(inputs=2)[0])


def test_integer_models_are_refused(write_model):
    with pytest.raises(InputError, match=r"expected a float32 input.*got tensor\(int64\)"):
        OnnxRunner(write_model(kind=TensorProto.INT64)[0])


def test_what_is_not_logits_is_refused(write_model):
    runner = OnnxRunner(write_model(rank2=False)[0])
    with pytest.raises(InputError, match=r"expected float32 logits of shape \[2, classes\]"):
        runner.predict(pictures(2))


def test_a_truncated_file_is_refused(write_model):
    path, _ = write_model()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"model\.onnx"):
        OnnxRunner(path)


def test_provider_is_the_cpu_where_ours_claims_nothing(write_model):
    """A model with a node of every kind but ours: one MatMul with an input that is not constant."""
    path, _ = write_model()
    model = onnx.load(path)
    runner = OnnxRunner(model.SerializeToString(), provider="cpu")
    assert (runner.provider, runner.loaded) == ("CPUExecutionProvider", False)


def test_a_dense_model_is_left_to_the_cpu_provider_though_ours_is_loaded(write_model):
    path, _ = write_model()
    runner = OnnxRunner(path, provider="auto")
    assert (runner.provider, runner.loaded) == ("CPUExecutionProvider", True)


def test_a_model_that_fails_when_it_runs_is_one_sentence(tmp_path):
    """A window that dilation makes larger than any picture: it loads, but cannot run."""
    weight = onnx.numpy_helper.from_array(np.ones((3, 1, 3, 3), np.float32), "w")
    conv = onnx.helper.make_node("Conv", ["x", "w"], ["y"], dilations=[9, 9])
    flat = onnx.helper.make_node("Flatten", ["y"], ["z"])
    info = onnx.helper.make_tensor_value_info
    x, z = info("x", TensorProto.FLOAT, ["n", 1, "h", "w0"]), info("z", TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([conv, flat], "g", [x], [z], [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    runner = OnnxRunner(tmp_path / "m.onnx", provider="cpu")
    with pytest.raises(InputError, match=r"ONNX Runtime cannot run .*m\.onnx"):
        runner.predict(np.ones((2, 1, 8, 8), np.float32))
