"""Live progress: a bar over all tasks and a line for each one that runs."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed


class Display:
    """Observer of a run. On a terminal it is live; elsewhere it prints a line per task."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._ended = 0
        self._lines: dict[str, TaskID] = {}
        self._finished: set[str] = set()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            Elapsed(),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._all = self._progress.add_task("run", total=total, text="")

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def skipped(self, name: str) -> None:
        """Count a task that was done before; say nothing, a resumed run is not news."""
        self._end()

    def progressed(self, name: str, fraction: float, text: str) -> None:
        """Show how far a running task is."""
        if name in self._finished:  # a message that was overtaken by the end of its task
            return
        if name not in self._lines:
            self._lines[name] = self._progress.add_task(f"  {name}", total=100, text="")
        self._progress.update(self._lines[name], completed=round(100 * fraction), text=text)

    def finished(self, name: str, seconds: float) -> None:
        """Leave one line behind."""
        self._finished.add(name)
        line = self._lines.pop(name, None)
        if line is not None:
            self._progress.remove_task(line)
        self._end()
        self._console.print(f"  {name:<28}{seconds:6.1f} s", markup=False)

    def _end(self) -> None:
        self._ended += 1
        self._progress.update(self._all, completed=self._ended)
