"""Runs one program of ours on files of others: own directory and session, clean environment, limits, no network.

The limits are set by `prlimit` and the network is taken away by `unshare` (both of util-linux), each of which then
becomes the program: no Python runs between fork and exec.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import BinaryIO

from rollouts.core.errors import HiccupError

ERROR_BYTES_MAX = 16 * 1024
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use. 0 is no limit of that kind, but for wall_s and output_bytes."""

    wall_s: float
    output_bytes: int
    cpu_s: int = 0
    memory_bytes: int = 0
    file_bytes: int = 0
    processes: int = 0
    open_files: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended. output may hold secrets and is not shown."""

    code: int
    output: bytes = field(repr=False)
    errors: str = field(repr=False)


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    limits: Limits,
    stdin: bytes = b"",
    network: bool = False,
) -> Done:
    """Run a program to its end. Raises HiccupError where it takes too long, says too much or cannot be started."""
    words, name = [*_limiting(limits), *([] if network else _offline()), *argv], Path(argv[0]).name
    with _in_memory(stdin) as given:
        try:
            process = subprocess.Popen(  # noqa: S603 # an argument list of ours, without a shell
                words,
                cwd=cwd,
                env=dict(environment),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise HiccupError(f"{name}: {error.strerror}") from None
    try:
        output, errors = _listen(process, limits, name)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it left behind goes with it
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
    return Done(process.returncode, output, errors.decode("utf-8", "replace"))


@cache
def is_offline_possible() -> bool:
    """Whether this kernel lets us take the network away from a program (a container's seccomp profile may not)."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    done = subprocess.run([unshare, *_UNSHARE, "true"], capture_output=True, timeout=10, check=False)  # noqa: S603 # fixed words
    return done.returncode == 0


_UNSHARE = ("--user", "--map-root-user", "--net", "--")


def _offline() -> list[str]:
    return [str(shutil.which("unshare")), *_UNSHARE] if is_offline_possible() else []


def _limiting(limits: Limits) -> list[str]:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        raise HiccupError("prlimit (of util-linux) is not installed, and nothing is rendered without limits")
    wanted = {
        "cpu": limits.cpu_s,
        "as": limits.memory_bytes,
        "fsize": limits.file_bytes,
        "nproc": limits.processes,
        "nofile": limits.open_files,
    }
    return [prlimit, "--core=0", *(f"--{name}={value}" for name, value in wanted.items() if value), "--"]


def _in_memory(said: bytes) -> BinaryIO:
    """A file without a name that holds what the program reads: nothing has to be fed while it talks."""
    file = open(os.memfd_create("stdin"), "w+b")  # noqa: SIM115 # the caller closes it
    file.write(said)
    file.seek(0)
    return file


def _listen(process: subprocess.Popen[bytes], limits: Limits, name: str) -> tuple[bytes, bytes]:
    """Read the program's words until it has said everything."""
    assert process.stdout and process.stderr
    deadline_s = time.monotonic() + limits.wall_s
    said: dict[int, bytearray] = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise HiccupError(f"{name}: not done in {limits.wall_s:g} s")
            for ready, _ in selector.select(left_s):
                if chunk := os.read(ready.fd, _CHUNK):
                    _keep(said[ready.fd], chunk, limits, name, is_error=ready.fileobj is process.stderr)
                else:
                    selector.unregister(ready.fileobj)
        output, errors = said.values()
    try:
        process.wait(max(0.0, deadline_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise HiccupError(f"{name}: not done in {limits.wall_s:g} s") from None
    return bytes(output), bytes(errors)


def _keep(kept: bytearray, chunk: bytes, limits: Limits, name: str, *, is_error: bool) -> None:
    if is_error:
        kept += chunk[: max(0, ERROR_BYTES_MAX - len(kept))]
        return
    kept += chunk
    if len(kept) > limits.output_bytes:
        raise HiccupError(f"{name}: its output is larger than {limits.output_bytes} bytes")
