"""InfluxDB 2: a Flux query, its values out of annotated CSV.

Source: InfluxDB documentation, "Query with the InfluxDB API" and "Annotated CSV".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from analysis.asks import HttpCall, home, json_text, shown
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import body_of, needed, said

WHO = "influxdb"
ROWS_MAX = 10_000


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec; address, organisation and token come from a Secret beside the controller."""
    profile = str(spec.get("profile") or "influxdb")
    dialect = {"annotations": ["datatype", "group", "default"], "header": True}
    body = {"query": needed(spec, "query", WHO), "type": "flux", "dialect": dialect}
    return HttpCall(
        url=f"{home(profile, 'address')}/api/v2/query",
        method="POST",
        params=(("org", home(profile, "org")),),
        headers=(
            ("Authorization", f"Token {home(profile, 'authToken')}"),
            ("Content-Type", "application/json"),
            ("Accept", "application/csv"),
        ),
        body=json_text(body),
        timeout_s=30.0,
    )


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The `_value` of every row, in order."""
    try:
        values = list(_values(body_of(answer).decode(errors="replace")))
    except (csv.Error, IndexError):
        raise AnalysisError("bad_response: the answer is no annotated CSV") from None
    return Reading(values, said(values))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The query as it was asked."""
    return {"ResolvedInfluxdbQuery": shown(str(spec.get("query") or "").strip())}


PROVIDER = Provider(ask, read, metadata)


def _values(text: str) -> Iterator[Any]:
    """One table after the other: annotations, a header, rows; an empty line ends a table."""
    types: list[str] = []
    header: list[str] = []
    for count, row in enumerate(csv.reader(StringIO(text))):
        if count > ROWS_MAX:
            raise AnalysisError(f"the query gives more than {ROWS_MAX} rows: aggregate it")
        if not any(row):
            header = []
        elif row[0].startswith("#"):
            types, header = (row if row[0] == "#datatype" else types), []
        elif not header:
            header = row
        elif "error" in header:
            raise AnalysisError(f"influxdb: {row[header.index('error')][:256]}")
        elif "_value" in header:
            column = header.index("_value")
            yield _typed(row[column], types[column] if column < len(types) else "string")


def _typed(text: str, kind: str) -> Any:
    try:
        if kind == "boolean":
            return text == "true"
        return float(text) if kind in ("double", "long", "unsignedLong") else text
    except ValueError:
        raise AnalysisError(f"bad_response: {text[:64]!r} is no {kind}") from None
