"""Puts an ask to whoever can answer it: secrets filled in as it leaves, struck out of what comes back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Protocol, assert_never

from analysis.asks import (
    HttpCall,
    HttpReply,
    KayentaRun,
    PromQueries,
    PromQuery,
    Question,
    SecretRef,
    fill,
    redact,
    secrets,
)
from analysis.errors import AnalysisError
from rollouts.core.errors import HiccupError
from rollouts.core.plan import Answer, Ask
from rollouts.core.stepcall import StepCall
from rollouts.gitops.asks import DryRun, GitResolve, Rendered, RenderManifests, Resolution
from rollouts.shell import clock, logs
from rollouts.shell.asks import dryrun, kayenta
from rollouts.shell.asks import secrets as secret_values
from rollouts.shell.asks.every import every
from rollouts.shell.asks.http import Http
from rollouts.shell.asks.reach import Reach
from rollouts.shell.asks.steps import StepPlugins, Steps
from rollouts.shell.client import Client
from rollouts.shell.settings import DEFAULTS, Settings


class Sources(Protocol):
    """Who knows git, charts and renderers (`rollouts.shell.asks.sources`); raises HiccupError."""

    async def ask(self, question: GitResolve | RenderManifests, namespace: str) -> Resolution | Rendered:
        """Answer one question with the repository Secrets of that namespace."""
        ...

    async def close(self) -> None:
        """End every process that is still under way."""
        ...


class Answering:
    """All skills behind one door. sources: None in a process that has no sync core.

    reach: where questions may go.  home: the controller's own namespace.  steps: who carries out steps.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings = DEFAULTS,
        sources: Sources | None = None,
        *,
        reach: Reach | None = None,
        home: str = "",
        steps: Steps | None = None,
    ) -> None:
        self._client = client
        self._sources = sources
        self._home = home
        self._steps = steps or Steps(StepPlugins(), "", settings.user_agent)
        self._http = Http(settings.ask_body_bytes_max, reach or Reach(), settings.user_agent)
        # Far above what hangs in practice: it bounds memory, and is no queue for slow servers.
        self._places = asyncio.Semaphore(settings.asks_inflight_max)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
        await self._steps.close()
        if self._sources is not None:
            await self._sources.close()

    async def ask(self, ask: Ask) -> Answer:
        """Answer one ask within its time; never raises."""
        asked_at = clock.now()
        values: dict[SecretRef, str] = {}
        value: Any = None
        error = ""
        try:
            async with self._places, asyncio.timeout(ask.timeout_s):
                value = await self._value(ask, values)
        except TimeoutError:
            error = f"no answer in {ask.timeout_s:g} s"
        except (HiccupError, AnalysisError) as problem:
            error = redact(str(problem), values.values()) or type(problem).__name__
        except Exception as problem:  # a run must hear of it, and its secrets must not be in a stack
            logs.error("ask broke", ask=ask.id, type=type(problem).__name__)
            error = f"{type(problem).__name__} in the controller"
        return Answer(ask.id, asked_at, clock.now(), value, error)

    async def _value(self, ask: Ask, values: dict[SecretRef, str]) -> Any:
        """What the question's own answerer says. values: gets the secrets that the question is filled with."""
        match ask.question:
            case DryRun() as question:
                return await dryrun.ask(self._client, question)
            case StepCall() as question:
                return await self._steps.call(question)
            case GitResolve() | RenderManifests() as question:
                return await self._source(question, ask.namespace)
            case question:
                if wanted := secrets(question):
                    values |= await secret_values.read(self._client, ask.namespace, wanted, self._home)
                    question = fill(question, values)
                return redact(await self._put(question, ask.timeout_s), values.values())

    async def _source(self, question: GitResolve | RenderManifests, namespace: str) -> Resolution | Rendered:
        if self._sources is None:
            raise HiccupError("this process looks after no sources: start one with --rooms gitops")
        return await self._sources.ask(question, namespace)

    async def _put(self, question: Question, deadline_s: float) -> HttpReply | tuple[HttpReply, ...]:
        match question:
            case PromQuery() | HttpCall():
                return await self._http.ask(question, deadline_s)
            case KayentaRun():
                return await kayenta.run(question, partial(self._http.ask, deadline_s=deadline_s))
            case PromQueries():
                return await every(self._http.ask(query, deadline_s) for query in question.queries)
            case _:
                assert_never(question)
