"""What the cluster is able to do, for charts that ask: its version, and which kinds it serves."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from rollouts.core.errors import HiccupError
from rollouts.shell.client import ApiError, Client

GROUPS_MAX = 500
TOGETHER = 8
_VERSION = re.compile(r"v?\d+\.\d+(?:\.\d+)?")


class Capabilities:
    """Read from the API server's own lists, and believed for a while. client: None where there is no cluster.

    A list that is not to be had is an error and never an empty one: a chart would leave out what it is asked about, and
    that would be pruned. One group that is down for the moment still serves what it served before.
    """

    def __init__(self, client: Client | None, fresh_s: float) -> None:
        self._client = client
        self._fresh_s = fresh_s
        self._lock = asyncio.Lock()
        self._read_s = float("-inf")
        self._version = ""
        self._served: dict[str, frozenset[str]] = {}  # by group and version
        self._named: set[str] = set()  # what questions have named since

    async def of(self, named: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
        """(version, API versions) as Helm knows them: `apps/v1` and `apps/v1/Deployment`.

        named: definitions that somebody has just seen, which the lists need not tell yet. Raises HiccupError.
        """
        if self._client is None:
            return "", tuple(named)
        async with self._lock:
            if time.monotonic() - self._read_s > self._fresh_s:
                await self._read(self._client)
            self._named.update(named)
            found = self._named.union(*self._served.values())
            return self._version, tuple(sorted(found))

    async def _read(self, client: Client) -> None:
        version = await kube_version(client)
        core, groups = await _asked(client, "/api"), await _asked(client, "/apis")
        paths = {str(each): f"/api/{each}" for each in core.get("versions") or ()}
        for group in groups.get("groups") or ():
            names = (str(each.get("groupVersion")) for each in group.get("versions") or ())
            paths |= {name: f"/apis/{name}" for name in names}
        places = asyncio.Semaphore(TOGETHER)

        async def kinds(name: str, path: str) -> frozenset[str]:
            async with places:
                try:
                    listed = (await _asked(client, path)).get("resources") or ()
                except HiccupError:
                    return self._served.get(name, frozenset({name}))
            found = (str(each.get("kind")) for each in listed if "/" not in str(each.get("name")))
            return frozenset({name, *(f"{name}/{kind}" for kind in found)})

        few = dict(list(paths.items())[:GROUPS_MAX])
        served = await asyncio.gather(*(kinds(name, path) for name, path in few.items()))
        self._version = version
        self._served = dict(zip(few, served, strict=True))
        self._named.clear()
        self._read_s = time.monotonic()


async def kube_version(client: Client) -> str:
    """The version of the API server without what its builder added, such as v1.36.3. Raises HiccupError."""
    said = str((await _asked(client, "/version")).get("gitVersion") or "")
    plain = _VERSION.match(said)
    return plain[0] if plain else ""


async def _asked(client: Client, path: str) -> Mapping[str, Any]:
    try:
        return (await client.connection.send("GET", path)).manifest()
    except ApiError as error:
        raise HiccupError(f"{path} of the API server not read: {error.reason or error.status}") from None
