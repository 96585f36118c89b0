"""The exported file carries what its layers ran fastest with."""

import re

import numpy as np
import onnx
import pytest
import torch

from sparseprune import exporter, onnxruntime
from sparseprune.errors import InputError
from sparseprune.exporter import tuning
from sparseprune.exporter.probe import enough
from sparseprune.exporter.tuning import Budget

KEY = "sparseprune.tuning"


def noted(proto):
    return {entry.key: entry.value for entry in proto.metadata_props}.get(KEY)


@pytest.fixture
def proto(translated, tmp_path, monkeypatch):
    """A fresh copy of the network as translated; the user's cache is empty."""
    monkeypatch.setenv("SPARSEPRUNE_CACHE", str(tmp_path / "cache"))
    proto = onnx.ModelProto()
    proto.CopyFrom(translated)
    return proto


@pytest.fixture
def batch(pictures):
    return {"input": enough(pictures.numpy())[:1]}


def tune(proto, feeds, budget, provider):
    tuning.tune(proto, feeds, budget, provider, onnx.ModelProto.SerializeToString)


def slowed(text):
    return re.sub(r"tile=\S+ ", "tile=1x1 ", text)


def test_full_starts_anew():
    assert tuning.budget("full").anew
    assert not tuning.budget(tuning.DEFAULT_SECONDS).anew


def test_an_export_is_tuned_by_default(exported):
    text = noted(onnx.load(exported[0]))
    assert text.startswith("sparseprune-tuning ")
    assert len(text.splitlines()) > 2


def test_tuning_changes_the_note_alone(proto, batch, translated):
    tune(proto, batch, Budget(0.1), "auto")
    assert noted(proto) is not None
    assert proto.graph == translated.graph


@pytest.mark.parametrize(("budget", "provider"), [(0, "auto"), (0.1, "cpu")])
def test_nothing_is_noted_where_nothing_is_tuned(proto, batch, translated, budget, provider):
    tune(proto, batch, Budget(budget), provider)
    assert proto == translated


def test_a_network_without_zeros_is_not_tuned(tmp_path):
    path = tmp_path / "dense.onnx"
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(72, 3))
    exporter.export(model, path, example_inputs=torch.randn(2, 2, 6, 6))
    assert noted(onnx.load(path)) is None


def test_what_a_file_says_of_this_cpu_is_kept_unless_all_is_to_be_tried(proto, batch, tmp_path):
    tune(proto, batch, Budget(0.1), "auto")
    slow = slowed(noted(proto))
    onnx.helper.set_model_props(proto, {KEY: slow, "foreign": "kept"})
    tune(proto, batch, Budget(0.1), "auto")
    assert noted(proto) == slow
    tune(proto, batch, Budget(0.2, anew=True), "auto")
    assert noted(proto).count("\n") == slow.count("\n")
    assert noted(proto) != slow
    # The last word is what later sessions find.
    (cached,) = (tmp_path / "cache" / "tuning").iterdir()
    assert cached.read_text() == noted(proto)
    assert {entry.key for entry in proto.metadata_props} == {KEY, "foreign"}


def test_a_model_of_a_fixed_batch_is_tuned_with_it(proto, batch):
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 20
    tune(proto, {"input": np.resize(batch["input"], (20, 2, 6, 6))}, Budget(0.1), "auto")
    assert noted(proto) is not None


def test_the_file_as_it_is_deployed_passes_the_parity_check(
    make_model, pictures, tmp_path, monkeypatch
):
    """The session that is compared reads the note."""
    seen = []
    real = onnxruntime.session

    def watched(model, **options):
        if isinstance(model, bytes) and options.get("tune_seconds") is None:
            seen.append(noted(onnx.load_model_from_string(model)))
        return real(model, **options)

    monkeypatch.setattr(onnxruntime, "session", watched)
    path = tmp_path / "net.onnx"
    exporter.export(make_model(), path, example_inputs=pictures, tune=0.1)
    assert seen == [noted(onnx.load(path))]
    assert seen != [None]


@pytest.mark.parametrize("budget", [-1, 3601, "fully", None])
def test_budgets_are_checked_before_anything_else(make_model, pictures, tmp_path, budget):
    with pytest.raises(InputError, match="expected tune to be seconds from 0 to 3600 or 'full'"):
        exporter.export(make_model(), tmp_path / "x.onnx", example_inputs=pictures, tune=budget)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_run_is_explained(proto, batch):
    with pytest.raises(InputError, match="ONNX Runtime cannot run the model"):
        tune(proto, {"input": batch["input"][:, :1]}, Budget(0.1), "auto")
