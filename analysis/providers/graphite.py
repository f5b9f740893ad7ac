"""Graphite: one target of its render API.

Source: Graphite documentation, "The Render URL API".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from analysis.asks import HttpCall, shown
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import base_address, json_of, listed, needed, number

WHO = "graphite"


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec: a bare target, or the parameters of a render URL (`target=…&from=-5min`)."""
    address, userinfo = base_address(str(spec.get("address") or ""), WHO)
    query = " ".join(needed(spec, "query", WHO).split())
    params = [("target", query)]
    if query.startswith("target="):
        params = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "format"]
    params.append(("format", "json"))
    return HttpCall(f"{address}/render", params=tuple(params), basic=userinfo)


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The known values of the first target, oldest first."""
    body = json_of(answer)
    if not isinstance(body, list):
        raise AnalysisError("bad_response: the answer is no list of targets")
    points = body[0].get("datapoints") if body and isinstance(body[0], Mapping) else ()
    try:
        values = [number(value) for value, _ in points or () if value is not None]
    except (TypeError, ValueError):
        raise AnalysisError("bad_response: a data point is not a value and a time") from None
    if not values:
        raise AnalysisError("no values found")
    return Reading(values, listed(values))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The query as it was asked."""
    return {"ResolvedGraphiteQuery": shown(str(spec.get("query") or "").strip())}


PROVIDER = Provider(ask, read, metadata)
