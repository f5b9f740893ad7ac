"""The simulated metrics source: one number per image, or one of the ways in which a source disappoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from analysis.asks import HttpReply, PromQuery
from rollouts.core.plan import Ask
from rollouts.devplane.store import Store
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.object import labels
from rollouts.simulation.truth import HASH, image_of

ANSWER_S = 0.02
_HASHES = re.compile(r'hash="([^"]*)"')


def says(ask: Ask, store: Store, metrics: Mapping[str, str]) -> str:
    """What the source has to say: the word for the image of the version asked about, or for `*`."""
    assert isinstance(ask.question, PromQuery)
    found = _HASHES.search(ask.question.query)
    image = _image(store, found.group(1)) if found else "*"
    return metrics.get(image, metrics.get("*", "1"))


NONSENSE: tuple[HttpReply, ...] = (
    HttpReply(200, b""),
    HttpReply(200, b"<html>sign in</html>"),
    HttpReply(200, b"[" * 100_000),
    HttpReply(200, b'{"status": "success", "data": '),
    HttpReply(200, {"status": "success", "data": None}),
    HttpReply(200, {"status": "success", "data": {"resultType": "string", "result": [1, "up"]}}),
    HttpReply(200, {"status": "success", "data": {"resultType": "vector", "result": [{"value": [0, {}]}]}}),
    HttpReply(204, b""),
    HttpReply(418, {"status": "success", "data": {"resultType": "vector", "result": []}}),
)
"""Answers of which none is a measurement."""


def reply(word: str, now: Instant) -> HttpReply:
    """The HTTP answer for a word."""
    if word.startswith("nonsense"):
        return NONSENSE[int(word.removeprefix("nonsense")) % len(NONSENSE)]
    if word == "error":
        return HttpReply(500, {"status": "error", "errorType": "internal", "error": "down"})
    sample = [] if word == "empty" else [{"metric": {}, "value": [now.seconds, word]}]
    data: dict[str, Any] = {"resultType": "vector", "result": sample}
    return HttpReply(200, {"status": "success", "data": data})


def _image(store: Store, hash_value: str) -> str:
    for one in store.all(kinds.REPLICA_SET):
        if labels(one).get(HASH) == hash_value:
            return image_of(one)
    return "*"
