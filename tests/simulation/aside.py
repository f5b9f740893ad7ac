"""The simulator's long runs, beside all other tests: started first, at the lowest priority, and waited for last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress

LOWEST = 19


class Aside:
    """One run of `python -m rollouts.simulation`, in a process group of its own."""

    def __init__(self, *arguments: str) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  # open for as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rollouts.simulation", *arguments],
            stdout=self._said,
            stderr=subprocess.STDOUT,
            process_group=0,  # a session of its own would be given as much of the processor as all other tests together
        )
        os.setpriority(os.PRIO_PROCESS, self._process.pid, LOWEST)

    def end(self) -> tuple[int, str]:
        """(exit code, what was printed), once it is through."""
        code = self._process.wait()
        self._said.seek(0)
        return code, self._said.read()

    def stop(self) -> None:
        """Let nothing of it outlive the tests."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()
