"""The embedded cluster on a thread of its own, so that a command line may run its own loop beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from rollouts.devplane.server import Devplane

T = TypeVar("T")
CRDS = Path(__file__).parents[2] / "crds"


class Cluster:
    """A devplane with our CRDs; `do` runs a function on its thread. serves_pods: pods are real servers."""

    def __init__(self, *, serves_pods: bool = True) -> None:
        self._serves_pods = serves_pods

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.devplane = self._await(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._await(self.devplane.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the API answers."""
        return self.devplane.url

    def do(self, deed: Callable[[Devplane], T]) -> T:
        """Do something as the cluster's administrator."""

        async def there() -> T:
            return deed(self.devplane)

        return self._await(there())

    def later(self, delay_s: float, deed: Callable[[Devplane], Any]) -> None:
        """Do something while a command is under way."""
        self._loop.call_soon_threadsafe(lambda: self._loop.call_later(delay_s, deed, self.devplane))

    async def _start(self) -> Devplane:
        devplane = Devplane(serves_pods=self._serves_pods)
        await devplane.start()
        for path in sorted(CRDS.glob("*.yaml")):
            devplane.create(yaml.safe_load(path.read_text()))
        return devplane

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)
