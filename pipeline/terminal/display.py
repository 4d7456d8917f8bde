"""What a person sees while steps run: a live line on a terminal, plain lines now and then without one."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.execution.run_record import RunRecord
from pipeline.terminal.lines import count, duration, step_line
from pipeline.terminal.results import result_lines

_REDRAW_SECONDS, _PLAIN_SECONDS = 0.25, 30.0


class Display:
    """Prints lines as they are (no markup, no wrapping) and shows how far a step is."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Any = None  # rich.progress.Progress, imported only where something runs on a terminal
        self._task: Any = None
        self._name = ""
        self._began = 0.0
        self._epochs_done = 0

    def run_began(self, record: RunRecord, root: Path) -> None:
        """Nothing to tell yet."""

    def line(self, text: str, style: str = "") -> None:
        """Print one line."""
        self.console.print(Text(text, style), soft_wrap=True)

    @contextmanager
    def step(self, name: str, why: str, progress_file: Path) -> Iterator[None]:
        """Show a step at work for the length of the block; its workers append row counts to ``progress_file``."""
        self._name, self._began, self._epochs_done = name, time.monotonic(), 0
        is_over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(progress_file, is_over), daemon=True)
        try:
            self._start_live(f"{name}: running ({why})")
            watcher.start()
            yield
        finally:
            is_over.set()
            if watcher.ident is not None:
                watcher.join()
            self.close()

    def on_epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Train has finished an epoch (counted from 1)."""
        self._epochs_done += 1
        left = (time.monotonic() - self._began) / self._epochs_done * (epochs - epoch)
        figures = ", ".join(
            f"{name} {metrics[name]:.4f}" for name in ("loss", "val_loss", "val_accuracy") if name in metrics
        )
        text = f"epoch {epoch}/{epochs}, {figures}, at most {duration(left)} left"
        if self._live is None:
            self.line(f"{self._name}: {text}")
        else:
            self._live.update(self._task, total=epochs, completed=epoch, detail=text)

    def step_ended(self, record: RunRecord, root: Path) -> None:
        """Print the last step of the record."""
        step = record.steps[-1]
        self.line(step_line(vars(step), str(root)), "dim" if step.state == "cached" else "")

    def note(self, text: str) -> None:
        """Print something that a person should know."""
        self.line(f"note: {text}")

    def planned(self, name: str, why: str, is_cached: bool) -> None:
        """Print what a dry run found."""
        self.line(f"{name}: {'cached' if is_cached else 'would run'} ({why})", "dim" if is_cached else "")

    def run_ended(self, record: RunRecord, root: Path) -> None:
        """Print what came out of a run that ended well; an error is printed by whoever ends the process."""
        if record.exit_code == 0:
            for line in result_lines(record, root):
                self.line(line)

    def last_words(self, record: RunRecord) -> str:
        """What to write when the run is stopped on the spot."""
        return record.error or ""

    def close(self) -> None:
        """Leave the terminal as it was; also in the middle of a step."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _start_live(self, title: str) -> None:
        if not self.console.is_terminal:
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
        )
        self._live = Progress(
            *columns, console=self.console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._live.add_task(title, total=None, detail="")
        self._live.start()

    def _watch(self, progress_file: Path, is_over: threading.Event) -> None:
        """Add up what workers append to the progress file."""
        rows, place, told = 0, 0, time.monotonic()
        while not is_over.wait(_REDRAW_SECONDS):
            if not progress_file.exists():
                continue
            with progress_file.open("rb") as file:
                file.seek(place)
                complete, newline, _ = file.read().rpartition(b"\n")
            place += len(complete) + len(newline)
            rows += sum(int(number) for number in complete.split())
            text = f"{count(rows, 'row')}, {rows / (time.monotonic() - self._began):,.0f} rows/s"
            if self._live is not None and rows:
                self._live.update(self._task, detail=text)
            elif self._live is None and rows and time.monotonic() - told > _PLAIN_SECONDS:
                told = time.monotonic()
                self.line(f"{self._name}: {text}")
