"""Runs the demo as a process of its own, with its scratch folder where the test can look."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

RUN_S_MAX = 120.0


@dataclass
class Run:
    """One run of the demo. lines: what it said, each with the seconds since its start."""

    process: subprocess.Popen[str]
    scratch: Path
    began: float
    lines: list[tuple[float, str]] = field(default_factory=list)

    def read_until(self, word: str) -> str:
        """Read on until a line holds the word; returns that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic() - self.began, line.rstrip("\n")))
            if word in line:
                return line
        raise AssertionError(f"no line with {word!r}:\n{self.text}")

    def finish(self) -> int:
        """Read what is left and return the exit code."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic() - self.began, line.rstrip("\n")))
        return self.process.wait(RUN_S_MAX)

    def close(self) -> None:
        """End the run if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def text(self) -> str:
        """Everything that was said."""
        return "\n".join(line for _, line in self.lines)

    @property
    def processes(self) -> list[str]:
        """Command lines of living processes that were started in the scratch folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(self.process.pid):
                try:
                    environment = (entry / "environ").read_bytes()
                    if f"TMPDIR={self.scratch}".encode() in environment:
                        found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                except OSError:
                    continue
        return [command for command in found if command]


def start(scratch: Path, *arguments: str) -> Run:
    """Start `rollouts demo` with these arguments."""
    environment = {**os.environ, "TMPDIR": str(scratch), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "rollouts.cli.main", "demo", "--embedded-metrics", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, process_group=0
    )
    return Run(process, scratch, time.monotonic())


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start `rollouts demo` with these arguments, and see to its end."""
    runs: list[Run] = []

    def begin(*arguments: str) -> Run:
        runs.append(start(tmp_path, *arguments))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()
