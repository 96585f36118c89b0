"""The CPU suite: which networks, at which zeros, against whom; rows of one case."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import goals
from check import Gate
from networks import DENSE, Built, Network, Zeros, linear, pointwise
from peers import Job, MissingError, Peer, csr, openvino_cpu, ort, torch_eager
from timing import Contest

from sparseprune import measure
from sparseprune.errors import GateError, InputError
from sparseprune.records import Row

Progress = Callable[[str], None]
Make = Callable[[Job], Peer]

ALL = (Zeros(80), Zeros(90), Zeros(95), Zeros(90, 4))
PEERS: dict[str, Make] = {
    "onnxruntime-int8": ort.int8,
    "openvino-f32": openvino_cpu.float32,
    "openvino": openvino_cpu.default,
    "torch": torch_eager.dense,
}

RESNET50 = Network("resnet50-224", "resnet50", (3, 224, 224), 1000)
RESNET18 = Network("resnet18-224", "resnet18", (3, 224, 224), 1000)
VGG16 = Network("vgg16-32", "vgg16", (3, 32, 32), 10)
RESNET20 = Network("resnet20-32", "resnet20", (3, 32, 32), 10)
RESNET56 = Network("resnet56-32", "resnet56", (3, 32, 32), 10)
MOBILENET = Network("mobilenet_v1-224", "mobilenet_v1", (3, 224, 224), 1000, pointwise)
FEED_FORWARD = Network("feed_forward-768", "feed_forward", (768,), 768, linear)


@dataclass(frozen=True)
class Case:
    """A network at one batch size; ``rounds`` are quiet comparisons of each contestant."""

    network: Network
    batch: int
    rounds: int
    zeros: tuple[Zeros, ...] = ALL

    @property
    def name(self) -> str:
        return f"{self.network.name}-b{self.batch}"


def cases() -> Iterator[Case]:
    """Rounds are fewer where a round takes seconds."""
    yield Case(RESNET50, 1, 12)
    yield Case(RESNET50, 16, 3)
    yield Case(RESNET18, 1, 15)
    yield Case(VGG16, 1, 20)
    yield Case(VGG16, 64, 6)
    for network in (RESNET20, RESNET56):
        yield Case(network, 1, 40)
        yield Case(network, 64, 10)
    yield Case(MOBILENET, 1, 20, (Zeros(80), Zeros(90)))
    for tokens in (128, 1):
        yield Case(FEED_FORWARD, tokens, 40, (*ALL, Zeros(95, 4)))


@dataclass(frozen=True)
class Contestant:
    """Who runs which zeros."""

    peer: str
    zeros: Zeros
    make: Make

    @property
    def name(self) -> str:
        return f"{self.peer} {self.zeros.name}"


class Bench:
    """One case, with what its rows share."""

    def __init__(self, case: Case, built: Built, threads: int, isa: str, tune: float) -> None:
        self.case, self.built, self.threads, self.isa = case, built, threads, isa
        self.tune = tune
        self._gates: dict[Zeros, Gate] = {}

    def rows(self, rounds: int, progress: Progress) -> list[Row]:
        """The base's row, then one for each contestant, those that cannot run included."""
        base, others = self.base(), list(self.contestants())
        ready, missing = {}, []
        for one in (base, *others):
            progress(f"checking {one.name}")
            try:
                ready[one] = self._checked(one)
            except MissingError as error:
                missing.append({**self._head("missing", one), "reason": str(error)})
        calls = {one.name: peer.call for one, (peer, _) in ready.items() if one != base}
        contest = Contest(ready[base][0].call, calls, settle=self.threads > 1)
        contest.run(rounds, lambda done: progress(f"round {done} of {rounds}"))
        rows = []
        for one, (peer, check) in ready.items():
            seen = contest.base_row() if one == base else contest.row(one.name)
            rows.append({**self._head("timing", one), **peer.facts, **check, **seen})
        return [*rows, *missing]

    def _head(self, kind: str, one: Contestant) -> Row:
        name = self.case.name
        ours = one.peer == "sparseprune"
        goal = goals.ratio(name, one.zeros.name, self.isa) if ours else None
        shared = {"batch": self.case.batch, "threads": self.threads, "isa": self.isa}
        return {
            "kind": kind,
            "case": name,
            "peer": one.peer,
            "zeros": one.zeros.name,
            "base": self.base().peer,
            "goal": goal,
            **shared,
        }

    def base(self) -> Contestant:
        """ONNX Runtime cannot be kept from AVX-512; torch, and OpenVINO, can: see run.py."""
        if self.isa == "avx2":
            return Contestant("torch", DENSE, torch_eager.dense)
        return Contestant("onnxruntime", DENSE, ort.dense)

    def contestants(self) -> Iterator[Contestant]:
        pruned = [Contestant("sparseprune", zeros, ort.sparse) for zeros in self.case.zeros]
        if self.isa == "avx2":
            yield from pruned
            yield Contestant("openvino-f32", DENSE, openvino_cpu.float32)
            return
        yield Contestant("sparseprune", DENSE, ort.sparse)
        yield from pruned
        for name, make in PEERS.items():
            yield Contestant(name, DENSE, make)
        if self.case.network.pruned is linear:
            for name, make in csr.CSR.items():
                yield from (Contestant(name, zeros, make) for zeros in self.case.zeros)

    def _checked(self, one: Contestant) -> tuple[Peer, Row]:
        """Ready to be timed, with the share of its bound that an exact one's answer used.

        Raises:
            GateError: the answer is wrong.
        """
        gate = self._gate(one.zeros)
        twin, path = self.built.twin(one.zeros), self.built.path(one.zeros)
        peer = one.make(Job(path, twin, gate.batch, self.threads, self.tune))
        found = peer.call()
        if not peer.exact:
            return peer, {"error": gate.error(found)}
        try:
            return peer, {"bound_used": gate.used(found)}
        except GateError as error:
            raise GateError(f"{self.case.name}, {one.name}: {error}") from error

    def _gate(self, zeros: Zeros) -> Gate:
        if zeros not in self._gates:
            self._gates[zeros] = Gate(self.built, zeros, self.case.batch)
        return self._gates[zeros]


def two_threads(built: Built, rounds: int, tune: float, progress: Progress) -> Row:
    """ResNet-50, one picture, 90 % zeros: our provider with two threads against one."""
    zeros = Zeros(90)
    gate = Gate(built, zeros, 1)
    path, twin = built.path(zeros), built.twin(zeros)
    peers = [ort.sparse(Job(path, twin, gate.batch, threads, tune)) for threads in (1, 2)]
    used = max(gate.used(peer.call()) for peer in peers)
    contest = Contest(peers[0].call, {"two": peers[1].call}, settle=True)
    contest.run(rounds, lambda done: progress(f"round {done} of {rounds}"))
    name = {"kind": "timing", "case": f"{built.network.name}-b1-two-threads", "peer": "sparseprune"}
    rest = {
        "zeros": zeros.name,
        "base": "one thread",
        "goal": goals.TWO_THREADS,
        "batch": 1,
        "isa": "best",
    }
    return {**name, **rest, "threads": 2, "bound_used": used, **contest.row("two")}


def footprints(built: Built, threads: int) -> list[Row]:
    """What a fresh process pays for the dense file and for the one with 90 % zeros."""
    dense = _footprint(built, DENSE, "onnxruntime", "cpu", threads)
    pruned = _footprint(built, Zeros(90), "sparseprune", "auto", threads)
    return [dense, {**pruned, "dense_bytes": dense["memory_bytes"]}]


def _footprint(built: Built, zeros: Zeros, peer: str, provider: str, threads: int) -> Row:
    """The median of three: the start of a process is at the mercy of disk and machine."""
    path, shape = built.path(zeros), (1, *built.network.shape)
    found = [measure.memory(path, shape, threads=threads, provider=provider) for _ in range(3)]
    cost = sorted(found, key=lambda cost: cost.load_ms + cost.first_ms)[1]
    head = {"kind": "footprint", "case": built.network.name, "peer": peer, "zeros": zeros.name}
    return {**head, "file_bytes": path.stat().st_size, **asdict(cost)}


def selected(wanted: Sequence[str]) -> list[Case]:
    """Cases whose name, or whose network's, is one of ``wanted``; all if there is none.

    Raises:
        InputError: a name that is neither.
    """
    names = {name for case in cases() for name in (case.name, case.network.name)}
    for name in wanted:
        if name not in names:
            raise InputError(f"no case {name!r}; there are: {', '.join(sorted(names))}")
    return [c for c in cases() if not wanted or {c.name, c.network.name} & set(wanted)]
