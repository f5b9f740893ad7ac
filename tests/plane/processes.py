"""Child processes that are named, logged, waited for, and ended by their own pid."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_S_MAX = 10.0
LOOK_S = 0.02
TAIL_BYTES = 4000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class NotReadyError(Exception):
    """A process ended, or did not answer in time; the text holds the end of its log."""


@dataclass(slots=True)
class Child:
    """One running process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def tail(self) -> str:
        """The end of what it said."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return log.read().decode(errors="replace")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end, insist after a while; returns its exit status."""
        if self.is_running:
            self.process.terminate()
        try:
            return self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def until(self, ready: Callable[[], bool], wait_s_max: float) -> None:
        """Wait until `ready()`; raises NotReadyError if the process ends first or takes too long."""
        give_up = time.monotonic() + wait_s_max
        while not ready():
            if not self.is_running:
                raise NotReadyError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > give_up:
                raise NotReadyError(f"{self.name} was not ready after {wait_s_max:.0f} s:\n{self.tail()}")
            time.sleep(LOOK_S)


@dataclass(slots=True)
class Family:
    """Processes started together, ended in reverse order; none outlives the process that started them."""

    folder: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> Child:
        """Start `command`, its output going to `<folder>/<name>.log` (appended over restarts)."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it makes one system call and takes no lock
                env={**os.environ, **env} if env else None,
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def stop_one(self, name: str) -> None:
        """End the processes of that name alone."""
        for child in self.children:
            if child.name == name:
                child.stop()

    def stop(self) -> None:
        """End all that still run."""
        for child in reversed(self.children):
            child.stop()
        self.children.clear()

    def logs(self) -> str:
        """The end of every log, for a failure report."""
        return "\n".join(f"--- {child.name} (pid {child.pid})\n{child.tail()}" for child in self.children)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port(address: str = "127.0.0.1") -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
