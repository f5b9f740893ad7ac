"""Prometheus and whatever speaks its HTTP API."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from analysis import duration, language
from analysis.asks import HttpReply, PromQuery, shown
from analysis.errors import AnalysisError
from analysis.language.environment import parse_float
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import base_address, headers_of, login, part

WHO = "prometheus"
POINTS_MAX = 11_000  # of one range query, as the server itself limits it
SAMPLES_MAX = 50_000
SERIES_TEXT_CHARS_MAX = 4096
TIMEOUT_S = 30.0
TIMEOUT_S_MAX = 300.0
WARNINGS_CHARS_MAX = 1024


def ask(spec: Mapping[str, Any], around: Surroundings) -> PromQuery:
    """The question of a metric, every part of it checked before anything is sent."""
    address, userinfo = base_address(str(spec.get("address") or around.prometheus_address))
    query = str(spec.get("query") or "")
    if not query.strip():
        raise AnalysisError("prometheus query is empty")
    basic, oauth2, sigv4 = login(spec, WHO, service="aps")
    question = PromQuery(
        url=address,
        query=query,
        headers=tuple(headers_of(spec.get("headers") or (), WHO)),
        basic=basic or userinfo,
        oauth2=oauth2,
        sigv4=sigv4,
        insecure=spec.get("insecure") is True,
        timeout_s=_timeout_s(spec.get("timeout")),
    )
    ranged = part(spec.get("rangeQuery"), "rangeQuery", WHO)
    return _ranged(question, ranged, around.now_s) if ranged else question


def read(answer: Any, spec: Mapping[str, Any] | None = None) -> Reading:
    """The value in an answer: a number of a scalar, a list of numbers of a vector or a matrix."""
    body = _body(answer)
    data = data_of(body)
    kind, result = data.get("resultType"), data.get("result")
    if kind not in ("scalar", "vector", "matrix"):
        raise AnalysisError(f"Prometheus metric type not supported: {str(kind)[:64]}")
    if not isinstance(result, Sequence) or isinstance(result, str):
        raise AnalysisError(f"bad_response: a {kind} without result")
    metadata = _warnings(body)
    if kind == "scalar":
        value = _sample(result)
        return Reading(value, language.float_fixed(value), metadata)
    values = language.Floats(_vector(result) if kind == "vector" else _matrix(result))
    if len(result) > 1:
        metadata["series"] = str(len(result))
    return Reading(values, _text(values), metadata)


def data_of(answer: Any) -> Mapping[str, Any]:
    """The data of an answer. Raises AnalysisError with the server's own words where there is none."""
    data = _body(answer).get("data")
    if not isinstance(data, Mapping):
        raise AnalysisError("bad_response: the answer has no data")
    return data


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The query as it was asked, secrets as asterisks."""
    return {"ResolvedPrometheusQuery": shown(str(spec.get("query") or ""))}


PROVIDER = Provider(ask, read, metadata)


def _timeout_s(value: Any) -> float:
    if value is None:
        return TIMEOUT_S
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if isinstance(value, bool) or not 0 <= seconds <= 1e9:
        raise AnalysisError(f"prometheus timeout should be a positive number of seconds, got {str(value)[:64]}")
    return min(seconds, TIMEOUT_S_MAX) or TIMEOUT_S


def _ranged(question: PromQuery, ranged: Mapping[str, Any], now_s: float) -> PromQuery:
    start_s, end_s = (_moment_s(name, str(ranged.get(name) or ""), now_s) for name in ("start", "end"))
    try:
        step_s = duration.parse_s(str(ranged.get("step") or ""))
    except AnalysisError as error:
        raise AnalysisError(f"failed to parse rangeQuery.step as duration: {error}") from None
    if step_s <= 0:
        raise AnalysisError("rangeQuery.step must be greater than 0")
    if start_s > end_s:
        raise AnalysisError("rangeQuery.start must not be after rangeQuery.end")
    points = (end_s - start_s) / step_s + 1
    if points > POINTS_MAX:
        raise AnalysisError(f"rangeQuery asks for {points:.0f} points, more than {POINTS_MAX}: use a longer step")
    return replace(question, kind="range", start_s=start_s, end_s=end_s, step_s=step_s)


def _moment_s(name: str, source: str, now_s: float) -> float:
    try:
        found = language.program(source).run(None, now_ns=round(now_s * 1_000_000) * 1000)
    except AnalysisError as error:
        raise AnalysisError(f"failed to evaluate rangeQuery.{name}: {error}") from None
    if not isinstance(found, language.Time):
        raise AnalysisError(f"failed to evaluate rangeQuery.{name}: expected time, but got {language.go_type(found)}")
    return found.ns / 1_000_000_000


def _body(answer: Any) -> Mapping[str, Any]:
    """The JSON of an answer, or the error that it tells, in the words of Prometheus' own client."""
    reply = answer if isinstance(answer, HttpReply) else HttpReply(200, answer)
    body: Any = reply.body
    if isinstance(body, str | bytes | bytearray):
        try:
            body = orjson.loads(body)
        except ValueError:
            body = None
    if isinstance(body, Mapping) and body.get("status") == "error":
        kind, said = str(body.get("errorType") or "unknown")[:64], str(body.get("error") or "")[:1024]
        raise AnalysisError(f"{kind}: {said}")
    if not 200 <= reply.status < 300:
        side = "client" if 400 <= reply.status < 500 else "server"
        raise AnalysisError(f"{side}_error: {side} error: {reply.status}")
    if not isinstance(body, Mapping):
        raise AnalysisError("bad_response: the answer is not JSON of the Prometheus API")
    if body.get("status") != "success":
        raise AnalysisError(f"bad_response: status {str(body.get('status'))[:64]!r}")
    return body


def _warnings(body: Mapping[str, Any]) -> dict[str, str]:
    said = body.get("warnings")
    if not isinstance(said, list) or not said:
        return {}
    return {"warnings": ", ".join(f'"{warning}"' for warning in said)[:WARNINGS_CHARS_MAX]}


def _sample(pair: Any) -> float:
    match pair:
        case [_, str(text)]:
            try:
                return parse_float(text)
            except AnalysisError:
                pass
    raise AnalysisError("bad_response: a sample is not a time and a number")


def _vector(result: Sequence[Any]) -> Iterator[float]:
    if len(result) > SAMPLES_MAX:
        raise AnalysisError(f"the query gives {len(result)} series, more than {SAMPLES_MAX}: aggregate it")
    for series in result:
        if not isinstance(series, Mapping) or "value" not in series:
            raise AnalysisError("Prometheus metric type not supported: native histogram")
        yield _sample(series["value"])


def _matrix(result: Sequence[Any]) -> Iterator[float]:
    """All samples of all series, one after the other."""
    count = 0
    for series in result:
        if not isinstance(series, Mapping) or "histograms" in series or not isinstance(series.get("values"), list):
            raise AnalysisError("Prometheus metric type not supported: native histogram")
        pairs = series["values"]
        count += len(pairs)
        if count > SAMPLES_MAX:
            raise AnalysisError(f"the query gives more than {SAMPLES_MAX} samples: use a longer step")
        times = [pair[0] if isinstance(pair, list) and pair else None for pair in pairs]
        if any(later == earlier for earlier, later in itertools.pairwise(times)):
            raise AnalysisError("bad_response: a series has two samples at one time")
        yield from map(_sample, pairs)


def _text(values: Sequence[float]) -> str:
    """`[0.95,0.97]`; a long one is cut, with a mark that says so."""
    said, size = [], 0
    for value in values:
        said.append(language.float_fixed(value))
        size += len(said[-1]) + 1
        if size > SERIES_TEXT_CHARS_MAX:
            return f"[{','.join(said)},… {len(values)} values]"
    return f"[{','.join(said)}]"
