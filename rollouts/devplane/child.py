"""Processes that the embedded cluster starts, and that never outlive it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import socket
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_S_MAX = 5.0
_PR_SET_PDEATHSIG = 1


def program(name: str) -> str | None:
    """The path of a program: beside this interpreter, where wheels put theirs, or on PATH."""
    beside = [Path(sys.executable).parent / name, Path(sysconfig.get_path("scripts")) / name]
    for path in beside:
        if os.access(path, os.X_OK):
            return str(path)
    return shutil.which(name)


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago, for a program that must be told its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    # The last resort where the parent is killed without a chance to clean up; Linux only.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One process with its output in a file. In a session of its own: a Ctrl-C reaches the parent alone."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._arguments = list(arguments)
        self._environment = dict(environment) if environment is not None else None
        self._process: asyncio.subprocess.Process | None = None
        self.log = log

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Start the process; its output is appended to the log file."""
        on_linux = sys.platform == "linux"
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._environment,
                start_new_session=True,
                preexec_fn=_die_with_parent if on_linux else None,
            )

    async def ended(self) -> None:
        """Return once the process has ended by whatever cause; it must have been started."""
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> None:
        """Ask the process to end, and end it if it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL, as a machine that dies would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def tail(self, lines: int = 20) -> str:
        """The end of what the process said."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
