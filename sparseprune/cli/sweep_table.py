"""The state of a sweep while it runs: a line for each run, and one for all."""

from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from sparseprune.cli.names import ending

# One name of a stage, and how far it is, fit beside the other columns in 80.
_NAME, _RUNNING = 30, 28


class SweepTable:
    """Observer of a sweep. On a terminal it is live; elsewhere it prints a line per stage."""

    def __init__(self, console: Console, runs: Mapping[str, Sequence[str]]) -> None:
        """``runs`` gives the labels of each run's stages; several runs may share one."""
        self._console = console
        self._runs = runs
        self._ended: set[str] = set()
        self._running: dict[str, tuple[float, str]] = {}
        self._live = Live(
            console=console, transient=True, get_renderable=self.table, refresh_per_second=4
        )

    def __enter__(self) -> "SweepTable":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def skipped(self, name: str) -> None:
        """Count a stage that was made before."""
        self._ended.add(name)

    def progressed(self, name: str, fraction: float, text: str) -> None:
        """Note how far a stage is."""
        if name not in self._ended:  # a message that was overtaken by the end of its stage
            self._running[name] = (fraction, text)

    def finished(self, name: str, seconds: float) -> None:
        """Leave one line behind."""
        self._running.pop(name, None)
        self._ended.add(name)
        self._console.print(f"  {ending(name, 60):<60}{seconds:8.1f} s", markup=False)

    def table(self) -> Table:
        """What there is to see now."""
        grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        grid.add_column("run", overflow="fold")
        grid.add_column("stages", justify="right", no_wrap=True)
        grid.add_column("now", no_wrap=True)
        for run, labels in self._runs.items():
            grid.add_row(ending(run, _NAME), self._count(labels), self._now(run, labels))
        every = {label for labels in self._runs.values() for label in labels}
        grid.add_row("all", self._count(every), "")
        return grid

    def _count(self, labels: Sequence[str] | set[str]) -> str:
        return f"{sum(label in self._ended for label in labels)}/{len(labels)}"

    def _now(self, run: str, labels: Sequence[str]) -> str:
        active = [label for label in labels if label in self._running]
        if not active:
            return "done" if all(label in self._ended for label in labels) else "waiting"
        fraction, _ = self._running[active[0]]
        more = f" +{len(active) - 1}" if len(active) > 1 else ""
        task = ending(active[0].removeprefix(f"{run} "), _RUNNING - len(more) - 5)
        return f"{task} {fraction:4.0%}{more}"
