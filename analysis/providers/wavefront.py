"""Wavefront (VMware Aria Operations for Applications): the latest value of each series of a query.

Source: Wavefront REST API, "Charts: query".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.asks import HttpCall, home, shown
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import base_address, json_of, listed, needed, number, said

WHO = "wavefront"
SECRET = "wavefront-api-tokens"  # noqa: S105 - the name of a Secret; its keys are addresses, its values tokens
LOOK_BACK_S = 60.0


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec; the token is that of the address in a Secret beside the controller."""
    host = needed(spec, "address", WHO)
    address, _ = base_address(host if "://" in host else f"https://{host}", WHO)
    params = (
        ("q", needed(spec, "query", WHO)), ("g", "s"),
        ("s", f"{(around.now_s - LOOK_BACK_S) * 1000:.0f}"), ("e", f"{around.now_s * 1000:.0f}"),
    )  # fmt: skip
    token = home(SECRET, host.rpartition("://")[2])
    return HttpCall(f"{address}/api/v2/chart/api", params=params, headers=(("Authorization", f"Bearer {token}"),))


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """One number of one series, a list of several."""
    body = json_of(answer)
    if isinstance(body, Mapping) and body.get("errorType"):
        raise AnalysisError(f"wavefront: {str(body.get('errorMessage') or body['errorType'])[:256]}")
    series = body.get("timeseries") if isinstance(body, Mapping) else None
    if not series:
        raise AnalysisError("No TimeSeries found in response from Wavefront")
    try:
        values = [number(each["data"][-1][1]) for each in series if each["data"]]
    except (KeyError, IndexError, TypeError):
        raise AnalysisError("bad_response: a series is not a list of times and values") from None
    if len(values) == 1:
        return Reading(values[0], said(values[0]))
    return Reading(values, listed(values))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The query as it was asked."""
    return {"ResolvedWavefrontQuery": shown(str(spec.get("query") or "").strip())}


PROVIDER = Provider(ask, read, metadata)
