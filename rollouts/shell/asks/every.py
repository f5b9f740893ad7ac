"""Several answers that are worth something only together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def every(asked: Iterable[Coroutine[Any, Any, T]]) -> tuple[T, ...]:
    """All answers in order. Raises the first failure; the rest is called off then, for nobody would hear it."""
    tasks = [asyncio.ensure_future(each) for each in asked]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
