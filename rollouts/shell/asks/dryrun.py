"""Tries writes at the API server without making them."""

from __future__ import annotations

import asyncio

import orjson

from rollouts.gitops.asks import DryRun, DryWrite
from rollouts.shell.asks.every import every
from rollouts.shell.carry import shortened
from rollouts.shell.client import Client

INFLIGHT_MAX = 8
TEXT_MAX = 600
_METHODS = {"apply": "PATCH", "patch": "PATCH", "create": "POST", "replace": "PUT"}
_FORMS = {"apply": "apply", "patch": "merge"}


async def ask(client: Client, question: DryRun) -> tuple[str, ...]:
    """What the API server has against each write, "" where nothing. Raises HiccupError where it does not answer."""
    places = asyncio.Semaphore(INFLIGHT_MAX)

    async def one(write: DryWrite) -> str:
        async with places:
            return await _try(client, write, question.user)

    return await every(one(write) for write in question.writes)


async def _try(client: Client, write: DryWrite, user: str) -> str:
    force = "&force=true" if write.verb == "apply" else ""
    target = f"{write.path}?dryRun=All&fieldManager={write.manager}{force}"
    reply = await client.connection.send(
        _METHODS[write.verb], target, orjson.dumps(write.body), _FORMS.get(write.verb, ""), user=user
    )
    if reply.is_ok:
        return ""
    try:
        said = str(orjson.loads(reply.body).get("message") or "")
    except (orjson.JSONDecodeError, AttributeError):
        said = ""
    return shortened(" ".join(said.split()) or f"the API server answered {reply.status}", TEXT_MAX)
