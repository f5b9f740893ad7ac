"""A devplane that stays: a process of its own, known by a folder with its kubeconfig, its log and a lock.

The lock is held for as long as the process lives, so that a number that the system has given to somebody else is never
taken for ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rollouts.api import crds
from rollouts.devplane.child import Child
from rollouts.devplane.server import Devplane

START_S_MAX = 30.0
STOP_S_MAX = 10.0
LOOK_S = 0.05
CONTROLLER = ("--no-leader-elect", "--metrics-port=-1", "--health-port=-1")


class StandingError(Exception):
    """The cluster cannot be started or stopped; the text says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """port 0: any free one.  serves_pods: pods are real servers.  has_controller: rollouts are carried out."""

    port: int = 0
    serves_pods: bool = False
    has_controller: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """A cluster that runs. controller: whether one runs in it."""

    pid: int
    server: str
    kubeconfig: str
    controller: bool


class Home:
    """The folder of one standing cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kubeconfig, self.log = folder / "kubeconfig", folder / "log"
        self._state, self._lock = folder / "state.json", folder / "lock"

    def found(self) -> State | None:
        """The cluster that runs from here, None where there is none."""
        try:
            state = State(**json.loads(self._state.read_text()))
        except (OSError, ValueError, TypeError):
            return None  # none, or it has only begun, and must not find its lock taken by whoever looks
        return state if self._lock.exists() and self._is_locked() else None

    def hold(self) -> int:
        """Take the lock for the rest of this process's life. Raises StandingError where somebody has it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StandingError(f"a cluster runs already from {self.folder}") from None
        return lock

    def tell(self, state: State) -> None:
        """Write the state down, whole or not at all."""
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(state)))
        fresh.replace(self._state)

    def forget(self) -> None:
        """Remove what a cluster that is gone has left."""
        for path in (self._state, self.kubeconfig):
            path.unlink(missing_ok=True)

    def _is_locked(self) -> bool:
        with self._lock.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False


def up(home: Home, wish: Wish) -> State:
    """Start a cluster that outlives this process, and wait until it answers. Raises StandingError."""
    if home.found():
        raise StandingError(f"a cluster runs already from {home.folder}")
    home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.forget()
    words = [sys.executable, "-m", "rollouts.devplane.standing", str(home.folder), json.dumps(asdict(wish))]
    with home.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module, run by our own interpreter
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until and process.poll() is None:
        if (state := home.found()) is not None:
            return state
        time.sleep(LOOK_S)
    if process.poll() is None:
        process.terminate()
    said = home.log.read_text(errors="replace").strip().splitlines()
    raise StandingError(f"the cluster did not start: {said[-1] if said else 'no word'} (log: {home.log})")


def down(home: Home) -> bool:
    """Stop the cluster; False where none runs. Raises StandingError where it does not end."""
    state = home.found()
    if state is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(state.pid, signal.SIGTERM)
    until = time.monotonic() + STOP_S_MAX
    while home.found() is not None:
        if time.monotonic() > until:
            raise StandingError(f"the cluster (pid {state.pid}) does not end; its log is {home.log}")
        time.sleep(LOOK_S)
    home.forget()
    return True


async def stand(home: Home, wish: Wish) -> None:
    """Be the cluster, until SIGTERM or SIGINT."""
    home.hold()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Without a token: over plain HTTP kubectl sends none.
    plane = Devplane(port=wish.port, serves_pods=wish.serves_pods)
    async with plane:
        plane.create_all(crds.definitions())
        plane.write_kubeconfig(home.kubeconfig)
        controller = Child(_controller(home), home.folder / "controller.log") if wish.has_controller else None
        if controller is not None:
            await controller.start()
        state = State(os.getpid(), plane.url, str(home.kubeconfig), wish.has_controller)
        home.tell(state)
        if controller is not None:
            await _first(stop.wait(), controller.ended())
            if not stop.is_set():
                sys.stderr.write(f"the controller ended with {controller.exit_code}; its log is {controller.log}\n")
                home.tell(replace(state, controller=False))
        await stop.wait()
        if controller is not None:
            await controller.stop()


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Return once one of them has; the others are called off."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _controller(home: Home) -> list[str]:
    words = [sys.executable, "-m", "rollouts.cli.main", "controller", f"--kubeconfig={home.kubeconfig}"]
    return [*words, *CONTROLLER]


def main(arguments: list[str]) -> int:
    """The process behind `up`."""
    folder, wish = arguments
    try:
        asyncio.run(stand(Home(Path(folder)), Wish(**json.loads(wish))))
    except (StandingError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
