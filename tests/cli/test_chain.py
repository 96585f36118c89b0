import dataclasses

import onnx
import pytest

from sparseprune.formats import checkpoint, mask


def test_train_says_how_good_it_is(chain):
    meta = checkpoint.load(chain.folder / "parent.safetensors").meta
    assert meta["form"] == "dense"
    assert len(meta["losses"]) == 2


def test_prune_reaches_its_ratio(chain):
    meta = checkpoint.load(chain.folder / "wt.safetensors").meta
    assert meta["ratio"] == pytest.approx(0.9, abs=1e-4)
    assert meta["counts"]["params"] == pytest.approx(0.1 * meta["dense"]["params"], abs=1)


def test_masks_are_the_zeros_of_the_network(chain):
    state = checkpoint.load(chain.folder / "ft.safetensors").state
    for name, kept in mask.load(chain.folder / "masks.safetensors").items():
        assert not state[name][~kept].any()


def test_evaluate_finds_no_hidden_loss(chain):
    done = chain("evaluate", "wt.onnx", "--twin", "wt.safetensors", "--parent", "parent.onnx")
    assert "no further loss found: 0 of 800 predictions changed" in done.stdout
    rows = chain.json("evaluate", "slim.onnx", "--twin", "ft.safetensors")
    (verdict,) = [row for row in rows if row["kind"] == "verdict"]
    assert verdict["passed"]


def test_evaluate_without_a_twin_says_what_it_did_not_check(chain):
    done = chain("evaluate", "wt.onnx", "--evaluate.corruptions", "[fog]")
    assert "hidden loss not checked" in done.stdout


def test_a_spoiled_engine_is_found_out(chain, faulty_library):
    """The check can fail: packed weights of the wrong sign are a hidden loss, and exit code 3."""
    done = chain(
        *("evaluate", "wt.onnx", "--twin", "wt.safetensors"),
        code=3,
        env={"SPARSEPRUNE_ORT_LIBRARY": str(faulty_library)},
    )
    assert "FURTHER LOSS" in done.stderr
    assert "FURTHER LOSS" in done.stdout


def test_export_tunes_sparse_networks_unless_told_not_to(chain):
    def tuned(path):
        return any(e.key == "sparseprune.tuning" for e in onnx.load(path).metadata_props)

    chain("export", "wt.safetensors", "-o", "untuned.onnx", "--tune", "none")
    found = {name: tuned(chain.folder / f"{name}.onnx") for name in ("parent", "wt", "untuned")}
    assert found == {"parent": False, "wt": True, "untuned": False}


def test_a_spoiled_engine_cannot_export(chain, faulty_library):
    done = chain(
        *("export", "wt.safetensors", "-o", "spoiled.onnx"),
        code=3,
        env={"SPARSEPRUNE_ORT_LIBRARY": str(faulty_library)},
    )
    assert "logits differ by" in done.stderr
    assert not (chain.folder / "spoiled.onnx").exists()


def test_bench_compares_with_the_baseline(chain):
    rows = chain.json("bench", "wt.onnx", "slim.onnx", "--baseline", "parent.onnx", "--rounds", 3)
    assert [row["id"] for row in rows] == ["parent.onnx", "wt.onnx", "slim.onnx"]
    assert all(row["median_us"] > 0 and row["speedup"] > 0 for row in rows)
    text = chain("bench", "wt.onnx", "--baseline", "parent.onnx", "--rounds", 3).stdout
    assert all(len(line) <= 80 for line in text.splitlines())


def test_slim_refuses_what_has_nothing_to_take_out(chain):
    done = chain("slim", "wt.safetensors", "-o", "no.safetensors", code=2)
    assert "wt.safetensors: expected a network with dead channels" in done.stderr
    assert not (chain.folder / "no.safetensors").exists()


def test_pruning_again_to_the_same_ratio_is_an_error(chain):
    done = chain("prune", "wt.safetensors", "--ratio", "0.9", "-o", "no.safetensors", code=2)
    assert "expected a ratio above the present 0.9" in done.stderr
    assert not (chain.folder / "no.safetensors").exists()


def test_overrides_reach_the_retraining(chain):
    chain(
        *("prune", "parent.safetensors", "--ratio", "0.5", "-o", "longer.safetensors"),
        *("--retrain.epochs", "2"),
    )
    assert len(checkpoint.load(chain.folder / "longer.safetensors").meta["losses"]) == 2


def test_a_twin_of_another_kind_is_refused(chain):
    chain("train", "small.yaml", "-o", "wide.safetensors", "--model.name", "vgg8")
    other = checkpoint.load(chain.folder / "wide.safetensors")
    spec = {**other.model, "input_shape": [1, 32, 32]}
    checkpoint.save(chain.folder / "odd.safetensors", dataclasses.replace(other, model=spec))
    done = chain("evaluate", "wt.onnx", "--twin", "odd.safetensors", code=2)
    assert "expected" in done.stderr


def test_a_checkpoint_without_counts_is_refused(chain):
    known = checkpoint.load(chain.folder / "parent.safetensors")
    meta = {key: value for key, value in known.meta.items() if key != "dense"}
    checkpoint.save(chain.folder / "bare.safetensors", dataclasses.replace(known, meta=meta))
    done = chain("prune", "bare.safetensors", "--ratio", "0.5", "-o", "no.safetensors", code=2)
    assert "found no 'dense' counts" in done.stderr


def test_a_slimmed_network_is_not_pruned_again(chain):
    done = chain("prune", "slim.safetensors", "--ratio", "0.9", "-o", "no.safetensors", code=2)
    assert "prune the checkpoint it was slimmed from" in done.stderr
