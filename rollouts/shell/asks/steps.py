"""Calls to step plugins: functions of installed packages, or servers that the administrator named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from analysis.asks import HttpCall
from rollouts.core.errors import HiccupError
from rollouts.core.stepcall import StepCall, StepReply
from rollouts.shell.asks.http import Http, shown_url
from rollouts.shell.asks.reach import Reach

DISABLED = "disabled"
THREADS_MAX = 16
REPLY_BYTES_MAX = 64 * 1024
ERROR_CHARS_MAX = 500

Function: TypeAlias = Callable[[StepCall], Any]


@dataclass(frozen=True, slots=True)
class StepPlugins:
    """Who carries out steps, by name. functions: of packages.  servers: addresses, or `disabled`."""

    functions: Mapping[str, Function] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)


class Steps:
    """Makes the calls. A server that the administrator named may be anywhere; nobody else's question goes there."""

    def __init__(self, plugins: StepPlugins, server: str, user_agent: str) -> None:
        self._plugins = plugins
        self._reach = Reach(server, trusted=tuple(url for url in plugins.servers.values() if url != DISABLED))
        self._user_agent = user_agent
        self._http: Http | None = None
        self._threads: ThreadPoolExecutor | None = None

    async def close(self) -> None:
        """Close every connection; a function that hangs is left to the end of the process."""
        if self._http is not None:
            await self._http.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def call(self, call: StepCall) -> StepReply | Mapping[str, Any]:
        """One call and what came back. Raises HiccupError."""
        name = call.plugin
        server = self._plugins.servers.get(name)
        if server == DISABLED:
            return StepReply("Successful", "the plugin is disabled", is_disabled=True)
        if server is not None:
            return await self._over_http(server, call)
        function = self._plugins.functions.get(name)
        if function is None:
            raise HiccupError(f"no step plugin is installed under the name {name}")
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="step-plugin")
        try:
            said = await asyncio.get_running_loop().run_in_executor(self._threads, function, call)
        except Exception as problem:  # whatever a plugin raises, the Rollout must hear of it and nobody else suffer
            words = f"{type(problem).__name__}: {problem}".rstrip(": ")
            raise HiccupError(words[:ERROR_CHARS_MAX]) from None
        if not isinstance(said, StepReply | Mapping):
            raise HiccupError(f"the plugin answered with {type(said).__name__}, which is no StepReply")
        return said

    async def _over_http(self, url: str, call: StepCall) -> Mapping[str, Any]:
        if self._http is None:
            self._http = Http(REPLY_BYTES_MAX, self._reach, self._user_agent)
        body = orjson.dumps(call.body).decode()
        question = HttpCall(
            url,
            method="POST",
            headers=(("Content-Type", "application/json"),),
            body=body,
            timeout_s=call.timeout_s,
        )
        reply = await self._http.ask(question, call.timeout_s)
        if reply.status != 200:
            raise HiccupError(f"{shown_url(url)}: answered {reply.status}")
        try:
            said = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            raise HiccupError(f"{shown_url(url)}: answered with no JSON object")
        return said
