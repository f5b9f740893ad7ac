"""New Relic: an NRQL query through NerdGraph.

Source: New Relic documentation, "NerdGraph tutorial: query your data".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from analysis.asks import HttpCall, home, shown
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import json_of, needed, said

WHO = "newRelic"
TIMEOUT_S, TIMEOUT_S_MAX = 10.0, 120.0
ADDRESSES = (
    ("us", "https://api.newrelic.com/graphql"),
    ("eu", "https://api.eu.newrelic.com/graphql"),
    ("staging", "https://staging-api.newrelic.com/graphql"),
)
_MARKS = ("beginTimeSeconds", "endTimeSeconds", "facet", "inspectedCount")
_ACCOUNT = '"account-id"'


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec; account, key and region come from a Secret beside the controller."""
    profile = str(spec.get("profile") or "newrelic")
    timeout_s = _timeout_s(spec)
    question = (
        "query($id: Int!, $nrql: Nrql!, $wait: Seconds) "
        "{ actor { account(id: $id) { nrql(query: $nrql, timeout: $wait) { results } } } }"
    )
    variables = {"id": "account-id", "nrql": needed(spec, "query", WHO), "wait": round(timeout_s)}
    body = json.dumps({"query": question, "variables": variables}, separators=(",", ":"))
    return HttpCall(
        url=home(profile, "region", "us"),
        aliases=ADDRESSES,
        method="POST",
        headers=(("Content-Type", "application/json"), ("API-Key", home(profile, "personal-api-key"))),
        body=body.replace(_ACCOUNT, home(profile, "account-id"), 1),  # a number in JSON
        timeout_s=timeout_s,
    )


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The value of the first row, or the row itself where it has several; all rows where there are several."""
    body = json_of(answer)
    errors = body.get("errors") if isinstance(body, Mapping) else None
    if errors:
        raise AnalysisError(f"newRelic: {said([str(each.get('message', '')) for each in errors])[:256]}")
    try:
        rows = body["data"]["actor"]["account"]["nrql"]["results"]
    except (KeyError, TypeError):
        raise AnalysisError("bad_response: the answer has no results") from None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise AnalysisError("bad_response: the results are no rows")
    if not rows:
        raise AnalysisError("no results returned from NRQL query")
    if len(rows) > 1:
        return Reading(rows, said(rows))
    row = {name: value for name, value in rows[0].items() if name not in _MARKS}
    value = next(iter(row.values())) if len(row) == 1 else row
    value = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return Reading(value, said(value))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The query as it was asked."""
    return {"ResolvedNewRelicQuery": shown(str(spec.get("query") or ""))}


PROVIDER = Provider(ask, read, metadata)


def _timeout_s(spec: Mapping[str, Any]) -> float:
    value = spec.get("timeout")
    if value is None:
        return TIMEOUT_S
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise AnalysisError("timeout value needs to be a positive value")
    return min(float(value), TIMEOUT_S_MAX) or TIMEOUT_S
