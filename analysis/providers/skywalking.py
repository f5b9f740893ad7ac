"""Apache SkyWalking: a GraphQL query over a span of minutes.

Source: SkyWalking documentation, "Query Protocol".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.asks import HttpCall, json_text, shown
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import base_address, floats, json_of, needed, said, span_s

WHO = "skywalking"
ADDRESS = "http://skywalking-oap.istio-system.svc.cluster.local:12800"
INTERVAL_S = 300.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec; `$duration` of the query is the interval up to now."""
    address, userinfo = base_address(str(spec.get("address") or ADDRESS), WHO)
    since_s = around.now_s - span_s(spec, "interval", INTERVAL_S, WHO)
    span = {"start": _minute(since_s), "end": _minute(around.now_s), "step": "MINUTE"}
    body = {"query": needed(spec, "query", WHO), "variables": {"duration": span}}
    headers = (("Content-Type", "application/json"),)
    return HttpCall(f"{address}/graphql", "POST", headers=headers, body=json_text(body), basic=userinfo)


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The data of the answer, as an object."""
    body = json_of(answer)
    if isinstance(body, Mapping) and body.get("errors"):
        raise AnalysisError(f"skywalking: {said(body['errors'])[:256]}")
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping):
        raise AnalysisError("bad_response: the answer has no data")
    return Reading(floats(data), said(data))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The query as it was asked."""
    return {"ResolvedSkyWalkingQuery": shown(str(spec.get("query") or "").strip())}


PROVIDER = Provider(ask, read, metadata)


def _minute(seconds: float) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H%M")
