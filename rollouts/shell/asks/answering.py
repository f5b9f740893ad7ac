"""Puts an ask to whoever can answer it: secrets filled in as it leaves, struck out of what comes back."""

from __future__ import annotations

import asyncio
from typing import assert_never

from analysis.asks import HttpReply, PromQuery, Question, SecretRef, fill, redact, secrets
from analysis.errors import AnalysisError
from rollouts.core.errors import HiccupError
from rollouts.core.plan import Answer, Ask
from rollouts.shell import clock, logs
from rollouts.shell.asks import secrets as secret_values
from rollouts.shell.asks.prometheus import Prometheus
from rollouts.shell.client import Client
from rollouts.shell.settings import DEFAULTS, Settings


class Answering:
    """All skills behind one door."""

    def __init__(self, client: Client, settings: Settings = DEFAULTS) -> None:
        self._client = client
        self._prometheus = Prometheus(settings.ask_body_bytes_max, settings.user_agent)
        # Far above what hangs in practice: it bounds memory, and is no queue for slow servers.
        self._places = asyncio.Semaphore(settings.asks_inflight_max)

    async def close(self) -> None:
        """Close every connection."""
        await self._prometheus.close()

    async def ask(self, ask: Ask) -> Answer:
        """Answer one ask within its time; never raises."""
        asked_at = clock.now()
        values: dict[SecretRef, str] = {}
        value: HttpReply | None = None
        error = ""
        try:
            async with self._places, asyncio.timeout(ask.timeout_s):
                question = ask.question
                if wanted := secrets(question):
                    found = await secret_values.read(self._client, ask.namespace, wanted)
                    values |= found
                    question = fill(question, found)
                value = redact(await self._put(question, ask.timeout_s), values.values())
        except TimeoutError:
            error = f"no answer in {ask.timeout_s:g} s"
        except (HiccupError, AnalysisError) as problem:
            error = redact(str(problem), values.values()) or type(problem).__name__
        except Exception as problem:  # a run must hear of it, and its secrets must not be in a stack
            logs.error("ask broke", ask=ask.id, type=type(problem).__name__)
            error = f"{type(problem).__name__} in the controller"
        return Answer(ask.id, asked_at, clock.now(), value, error)

    async def _put(self, question: Question, deadline_s: float) -> HttpReply:
        match question:
            case PromQuery():
                return await self._prometheus.ask(question, deadline_s)
            case _:
                assert_never(question)
