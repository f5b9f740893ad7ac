"""One judgement by Kayenta: find the configuration, start the run, wait for its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from analysis.asks import HttpCall, HttpReply, KayentaRun
from rollouts.core.errors import HiccupError


async def run(wish: KayentaRun, send: Callable[[HttpCall], Awaitable[HttpReply]]) -> HttpReply:
    """The reply that tells of the run's end. Raises HiccupError where a step before it fails."""
    found = _json(await send(wish.find), "canaryConfig")
    named = [each for each in found if isinstance(each, dict) and each.get("name") == wish.config_name]
    if not isinstance(found, list) or not named:
        raise HiccupError(f"kayenta has no configuration called {wish.config_name[:64]!r}")
    started = _json(await send(_at(wish.start, config=str(named[0].get("id", "")))), "canary")
    number = str(started.get("canaryExecutionId") or "") if isinstance(started, dict) else ""
    if not number:
        raise HiccupError("kayenta gave the run no canaryExecutionId")
    while True:
        reply = await send(_at(wish.poll, id=number))
        told = _json(reply, "canary")
        if isinstance(told, dict) and told.get("complete") is True:
            return reply
        await asyncio.sleep(wish.poll_s)


def _at(call: HttpCall, **parts: str) -> HttpCall:
    url = call.url
    for name, value in parts.items():
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return replace(call, url=url)


def _json(reply: HttpReply, what: str) -> Any:
    try:
        told = orjson.loads(reply.body) if 200 <= reply.status < 300 else None
    except orjson.JSONDecodeError:
        told = None
    if told is None:
        raise HiccupError(f"kayenta answered {reply.status} on {what}")
    return told
