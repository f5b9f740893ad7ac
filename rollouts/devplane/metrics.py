"""Request counters of the pods as time series, and the Prometheus query API over them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson
from aiohttp import web

from rollouts.devplane.promeval import Matrix, Value, evaluate, raw
from rollouts.devplane.promfunctions import Labels, Samples
from rollouts.devplane.promql import PromqlError, Selector, duration_s, parse
from rollouts.kit.instant import Instant

SAMPLES_MAX = 4_096
SERIES_MAX = 20_000
POINTS_MAX = 11_000
_BODY_BYTES_MAX = 64 * 1024


class Series:
    """The samples of one metric with one set of labels, the newest SAMPLES_MAX of them."""

    __slots__ = ("labels", "names", "times", "values")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.names = dict(labels)
        self.labels: Labels = frozenset(labels.items())
        self.times: list[float] = []
        self.values: list[float] = []

    def append(self, at_s: float, value: float) -> None:
        """Add a sample; one that is not later than the last is dropped, as Prometheus drops it."""
        if self.times and at_s <= self.times[-1]:
            return
        self.times.append(at_s)
        self.values.append(value)
        if len(self.times) > SAMPLES_MAX + SAMPLES_MAX // 4:
            del self.times[:-SAMPLES_MAX], self.values[:-SAMPLES_MAX]


class SeriesStore:
    """All series, by metric name. Bounded: what exceeds SERIES_MAX is refused."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[Labels, Series]] = {}
        self._live: set[Series] = set()
        self._count = 0

    def scrape(self, at_s: float, counters: Iterable[tuple[str, Mapping[str, str], float]]) -> None:
        """Take one sample of every counter; series that are no longer told end here (a NaN marks them stale)."""
        told: set[Series] = set()
        for name, labels, value in counters:
            series = self._series(name, labels)
            if series is not None:
                series.append(at_s, value)
                told.add(series)
        for series in self._live - told:
            series.append(at_s, math.nan)
        self._live = told

    def _series(self, name: str, labels: Mapping[str, str]) -> Series | None:
        named = {"__name__": name, **{key: value for key, value in labels.items() if value}}
        known = self._by_name.setdefault(name, {})
        key = frozenset(named.items())
        if (series := known.get(key)) is None:
            if self._count >= SERIES_MAX:
                return None
            series = known[key] = Series(named)
            self._count += 1
        return series

    def select(self, test: Callable[[Mapping[str, str]], bool], name: str | None) -> Iterable[tuple[Labels, Samples]]:
        """Series whose labels pass the test; `name` narrows to one metric."""
        metrics = [self._by_name.get(name, {})] if name is not None else list(self._by_name.values())
        for metric in metrics:
            for series in metric.values():
                if test(series.names):
                    yield series.labels, (series.times, series.values)


class PrometheusApi:
    """`/api/v1/query`, `/api/v1/query_range` and the health paths, answering as Prometheus does."""

    def __init__(self, store: SeriesStore, now_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now_s = now_s

    def routes(self) -> list[web.RouteDef]:
        """The routes, to be added to an aiohttp application."""
        return [
            web.route("GET", "/api/v1/query", self._query),
            web.route("POST", "/api/v1/query", self._query),
            web.route("GET", "/api/v1/query_range", self._query_range),
            web.route("POST", "/api/v1/query_range", self._query_range),
            web.get("/-/ready", self._ready),
            web.get("/-/healthy", self._ready),
        ]

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="Prometheus Server is Ready.\n")

    async def _query(self, request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            at_s = _time_s(form["time"], "time") if "time" in form else self._now_s()
            node = parse(form.get("query", ""))
            if isinstance(node, Selector) and node.range_s is not None:
                return _success("matrix", matrix_of(raw(node, self._store, at_s)))
            return _success(*_instant(evaluate(node, self._store, at_s), at_s))
        except PromqlError as error:
            return _bad(f'invalid parameter "query": {error}')

    async def _query_range(self, request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            start_s, end_s = (_time_s(form.get(name, ""), name) for name in ("start", "end"))
            step_s = duration_s(form.get("step", ""))
            if not step_s > 0 or end_s < start_s:
                return _bad("zero or negative query resolution step widths are not accepted. Try a positive integer")
            if (end_s - start_s) / step_s > POINTS_MAX:
                return _bad(f"exceeded maximum resolution of {POINTS_MAX:,} points per timeseries.")
            node = parse(form.get("query", ""))
            lines: dict[Labels, list[Any]] = {}
            for index in range(int((end_s - start_s) / step_s + 1e-9) + 1):
                at_s = start_s + index * step_s
                value = evaluate(node, self._store, at_s)
                for labels, number in ({frozenset(): value} if isinstance(value, float) else value).items():
                    lines.setdefault(labels, []).append([at_s, number_text(number)])
        except PromqlError as error:
            return _bad(f'invalid parameter "query": {error}')
        return _success("matrix", [{"metric": dict(sorted(key)), "values": values} for key, values in lines.items()])


async def _form(request: web.Request) -> dict[str, str]:
    form = dict(request.query)
    if request.method == "POST" and (request.content_length or 0) <= _BODY_BYTES_MAX:
        form.update({key: str(value) for key, value in (await request.post()).items()})
    return form


def _time_s(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        if instant := Instant.parse(text):
            return instant.seconds
        raise PromqlError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp') from None


def _instant(value: Value, at_s: float) -> tuple[str, Any]:
    if isinstance(value, float):
        return "scalar", [at_s, number_text(value)]
    return "vector", [
        {"metric": dict(sorted(labels)), "value": [at_s, number_text(number)]} for labels, number in value.items()
    ]


def matrix_of(samples: Matrix) -> list[dict[str, Any]]:
    """Raw samples as JSON."""
    return [
        {"metric": dict(sorted(labels)), "values": [[t, number_text(v)] for t, v in zip(*pairs, strict=True)]}
        for labels, pairs in samples.items()
    ]


def number_text(value: float) -> str:
    """A sample's value as Prometheus writes it: shortest digits, no exponent, `+Inf`, `NaN`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def _success(kind: str, result: Any) -> web.Response:
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _bad(why: str) -> web.Response:
    body = {"status": "error", "errorType": "bad_data", "error": why}
    return web.Response(status=400, body=orjson.dumps(body), content_type="application/json")
