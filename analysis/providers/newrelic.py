"""New Relic: an NRQL query through NerdGraph.

Source: New Relic documentation, "NerdGraph tutorial: query your data".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.asks import HttpCall, home, json_text, shown
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import floats, json_of, needed, said

WHO = "newRelic"
TIMEOUT_S, TIMEOUT_S_MAX = 10.0, 120.0
ADDRESSES = (
    ("us", "https://api.newrelic.com/graphql"),
    ("eu", "https://api.eu.newrelic.com/graphql"),
    ("staging", "https://staging-api.newrelic.com/graphql"),
)
_ACCOUNT = '"account-id"'


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec; account, key and region or proxy come from a Secret beside the controller."""
    profile = str(spec.get("profile") or "newrelic")
    timeout_s = _timeout_s(spec)
    question = (
        "query($id: Int!, $nrql: Nrql!, $wait: Seconds) "
        "{ actor { account(id: $id) { nrql(query: $nrql, timeout: $wait) { results } } } }"
    )
    variables = {"id": "account-id", "nrql": needed(spec, "query", WHO), "wait": round(timeout_s)}
    body = json_text({"query": question, "variables": variables})
    return HttpCall(
        url=home(profile, "base-url-nerdgraph|region", "us"),
        aliases=ADDRESSES,
        method="POST",
        headers=(("Content-Type", "application/json"), ("API-Key", home(profile, "personal-api-key"))),
        body=body.replace(_ACCOUNT, home(profile, "account-id"), 1),  # a number in JSON
        timeout_s=timeout_s,
    )


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The row by its columns: `result.successRate`; a list of rows where there are several."""
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
    if not rows or not rows[0]:
        raise AnalysisError("no results returned from NRQL query")
    value = rows if len(rows) > 1 else rows[0]
    return Reading(floats(value), said(value))


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
