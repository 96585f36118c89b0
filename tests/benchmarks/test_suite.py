"""Every contestant answers rightly before it is timed; the rows of a case are whole."""

import pytest
import suite
from check import Gate
from networks import DENSE, Zeros
from peers import Job, MissingError, Peer, csr, ort
from suite import Bench, Case, selected

from sparseprune import records
from sparseprune.errors import GateError, InputError


def test_rows_of_a_case(built, tmp_path, monkeypatch):
    def missing(job):
        raise MissingError("not here")

    monkeypatch.setattr(suite, "PEERS", {**suite.PEERS, "absent": missing})
    bench = Bench(Case(built.network, 2, 2, (Zeros(90), Zeros(90, 4))), built, 1, "best", 0)
    told = []
    rows = bench.rows(2, told.append)
    records.write(tmp_path / "rows.jsonl", rows)  # JSON, and finite
    timed = {(row["peer"], row["zeros"]): row for row in rows if row["kind"] == "timing"}
    assert list(timed)[:4] == [
        ("onnxruntime", "0"), ("sparseprune", "0"), ("sparseprune", "90"), ("sparseprune", "90x4"),
    ]  # fmt: skip
    assert 0 < timed["sparseprune", "90"]["bound_used"] <= 1
    assert timed["sparseprune", "90"]["provider"] == "SparsePruneExecutionProvider"
    assert 0 < timed["onnxruntime-int8", "0"]["error"] < 0.5
    assert timed["torch", "0"]["layout"] in ("contiguous", "channels_last")
    assert {"case": "tiny-b2", "base": "onnxruntime", "batch": 2}.items() <= rows[0].items()
    absent = next(row for row in rows if row["peer"] == "absent")
    assert (absent["kind"], absent["reason"]) == ("missing", "not here")
    assert {"checking torch 0", "round 2 of 2"} <= set(told)


@pytest.mark.parametrize("make", [*csr.CSR.values(), ort.sparse], ids=[*csr.CSR, "sparseprune"])
@pytest.mark.parametrize("size", [1, 5])
def test_sparse_products_of_linear_layers(chain, make, size):
    gate = Gate(chain, Zeros(90), size)
    job = Job(chain.path(Zeros(90)), chain.twin(Zeros(90)), gate.batch, 1)
    assert gate.used(make(job).call()) <= 1


def test_a_wrong_answer_ends_the_run(built, monkeypatch):
    def wrong(job):
        peer = ort.dense(job)
        return Peer(lambda: peer.call() * 1.01, peer.facts)

    monkeypatch.setattr(suite, "PEERS", {"wrong": wrong})
    bench = Bench(Case(built.network, 1, 1, ()), built, 1, "best", 0)
    with pytest.raises(GateError, match="tiny-b1, wrong 0: differs"):
        bench.rows(1, lambda text: None)


def test_avx2_is_compared_with_what_can_be_kept_to_it(built):
    bench = Bench(Case(built.network, 1, 1), built, 1, "avx2", 0)
    assert bench.base().peer == "torch"
    named = {(one.peer, one.zeros) for one in bench.contestants()}
    assert ("openvino-f32", DENSE) in named
    assert {peer for peer, _ in named} == {"sparseprune", "openvino-f32"}


def test_selection():
    assert [case.name for case in selected(["resnet20-32"])] == [
        "resnet20-32-b1",
        "resnet20-32-b64",
    ]
    assert [case.name for case in selected(["resnet50-224-b1"])] == ["resnet50-224-b1"]
    assert len(selected([])) == 12
    with pytest.raises(InputError, match=r"no case 'resnet'; there are: feed_forward-768, "):
        selected(["resnet"])


def test_footprints(built):
    dense, pruned = suite.footprints(built, 1)
    assert (dense["peer"], pruned["peer"], pruned["zeros"]) == ("onnxruntime", "sparseprune", "90")
    assert pruned["dense_bytes"] == dense["memory_bytes"]
    assert min(dense["load_ms"], pruned["load_ms"], pruned["first_ms"]) > 0
