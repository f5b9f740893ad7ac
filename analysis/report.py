"""A comparison told afterwards: in words, and as a picture with bands, limits and the point of decision.

Points come from the measurements of an AnalysisRun or from the lines of `python -m analysis judge`.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.errors import AnalysisError
from analysis.stats.power import Traffic, floor_s

POINTS_MAX = 10_000
_SIZE = (900, 190)  # of one panel
_EDGE = (70, 20, 34)  # left, right, above and below
_WORSE, _FINE, _BAND = "#c0392b", "#1e8449", "#d6e4f0"


@dataclass(frozen=True, slots=True)
class Point:
    """One look. at_s: seconds; the rest as in a finding; sides: (requests, bad) so far, None where not told."""

    at_s: float
    verdict: str
    bad: float
    ok: float
    rr: float | None
    low: float
    high: float | None
    null: str
    why: str
    canary: tuple[float, float] | None = None
    stable: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One metric's points, with its limits: 1/alpha and 1/beta.  weighed: how many share alpha."""

    name: str
    points: tuple[Point, ...]
    alpha: float = 0.01
    beta: float = 0.05
    weighed: int = 0


def of_run(manifest: Mapping[str, Any]) -> tuple[Told, ...]:
    """The comparing metrics of an AnalysisRun, from what its status keeps. Raises AnalysisError for another object."""
    status, spec = manifest.get("status"), manifest.get("spec")
    if not isinstance(status, Mapping) or not isinstance(spec, Mapping):
        raise AnalysisError("want an AnalysisRun with a status")
    terms = {str(metric.get("name")): _terms(metric) for metric in spec.get("metrics") or ()}
    shares = _shares(spec)
    found = []
    for result in status.get("metricResults") or ():
        points = [point for each in result.get("measurements") or () if (point := _of_measurement(each))]
        if points:
            alpha, beta = terms.get(str(result.get("name")), (0.01, 0.05))
            alpha = shares.get(str(result.get("name"))) or alpha
            found.append(Told(str(result.get("name")), tuple(points), alpha, beta, len(shares)))
    return tuple(found)


def _shares(spec: Mapping[str, Any]) -> dict[str, float]:
    """The shares of alpha of the metrics that are weighed together."""
    from analysis.model import read_metrics

    try:
        return {metric.name: metric.alpha_share for metric in read_metrics(spec) if metric.alpha_share > 0}
    except AnalysisError:
        return {}


def of_lines(lines: Sequence[str], alpha: float = 0.01, beta: float = 0.05) -> Told:
    """The findings that `python -m analysis judge` wrote. Raises AnalysisError for other lines."""
    points = []
    for number, line in enumerate(lines[:POINTS_MAX], start=1):
        try:
            found = json.loads(line)
            points.append(_point(float(found["t"]), found, str(found["why"])))
        except (ValueError, KeyError, TypeError):
            raise AnalysisError(f"line {number}: want a finding of the judge, with t, verdict, eBad …") from None
    judged = [point for point in points if point.null != "undecided"]  # what came before the canary is history
    return Told("errors", tuple(judged), alpha, beta)


def words(told: Told) -> Iterator[str]:
    """What happened, as one would tell it."""
    if not told.points:
        yield f"{told.name}: no look"
        return
    last, first = told.points[-1], told.points[0]
    decided = next((point for point in told.points if point.verdict != "inconclusive"), None)
    yield f"{told.name}: {last.verdict}, after {len(told.points)} looks in {last.at_s - first.at_s:g} s"
    if decided:
        yield f"  decided {decided.at_s - first.at_s:g} s after the first look: {decided.why}"
    yield (
        f"  evidence {last.bad:.4g} : 1 against 'the canary is fine', limit {1 / told.alpha:g} : 1; "
        f"{last.ok:.4g} : 1 against 'it is too bad', limit {1 / told.beta:g} : 1"
    )
    if told.weighed > 1:
        share = f"{100 * last.bad * told.alpha:.3g} %"
        yield f"  {told.weighed} metrics are weighed together: of what is needed this one brings {share}"
    if last.rr is not None:
        high = "any" if last.high is None else f"{last.high:.3g}"
        yield f"  the canary's errors are {last.rr:.3g} times stable's, {last.low:.3g} to {high} at all looks together"
    yield f"  held against: {last.null}"
    yield from _floor(told, last, first)
    gaps = [point for point in told.points if "no reading" in point.why or "no sample" in point.why]
    if gaps:
        yield f"  {len(gaps)} looks had no data of a side, the first at {gaps[0].at_s - first.at_s:g} s: {gaps[0].why}"


def _floor(told: Told, last: Point, first: Point) -> Iterator[str]:
    """What no rule could have beaten, at the rates that were seen."""
    if last.canary is None or last.stable is None or last.rr is None or last.rr <= 1.05:
        return
    total = last.canary[0] + last.stable[0]
    seconds = last.at_s - first.at_s
    if total <= 0 or seconds <= 0 or last.stable[1] <= 0 or last.stable[0] <= 0:
        return
    traffic = Traffic(total / seconds, last.canary[0] / total, min(0.99, last.stable[1] / last.stable[0]))
    earliest = floor_s(traffic, last.rr, told.alpha)
    yield f"  no rule could have known before {earliest:.0f} s on average, at these rates"


def svg(told: Told) -> str:
    """Two panels: the relative risk with its band, the evidence with its limits; a line where it was decided."""
    width, height = _SIZE[0], 2 * _SIZE[1]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{html.escape(told.name)}</title>", '<rect width="100%" height="100%" fill="white"/>',
    ]  # fmt: skip
    if told.points:
        parts += [*_risk_panel(told), *_evidence_panel(told)]
    return "\n".join((*parts, "</svg>", ""))


def page(metrics: Sequence[Told]) -> str:
    """All metrics as one HTML page without anything from elsewhere."""
    body = []
    for told in metrics:
        text = html.escape("\n".join(words(told)))
        body.append(f"<h2>{html.escape(told.name)}</h2>\n<pre>{text}</pre>\n{svg(told)}")
    style = "body{font-family:sans-serif;max-width:60rem;margin:2rem auto}pre{white-space:pre-wrap}"
    head = f'<meta charset="utf-8"><title>analysis</title><style>{style}</style>'
    return f"<!doctype html><html><head>{head}</head><body>\n{chr(10).join(body)}\n</body></html>\n"


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where a moment and a value on a logarithmic axis stand."""

    top: float
    first_s: float
    last_s: float
    low: float
    high: float

    def x(self, at_s: float) -> float:
        wide = _SIZE[0] - _EDGE[0] - _EDGE[1]
        return round(_EDGE[0] + wide * (at_s - self.first_s) / max(1e-9, self.last_s - self.first_s), 1)

    def y(self, value: float) -> float:
        tall = _SIZE[1] - 2 * _EDGE[2]
        place = (math.log(min(max(value, self.low), self.high)) - math.log(self.low)) / math.log(self.high / self.low)
        return round(self.top + _SIZE[1] - _EDGE[2] - tall * place, 1)


def _risk_panel(told: Told) -> Iterator[str]:
    axes = _Axes(0, told.points[0].at_s, told.points[-1].at_s, 0.1, 100.0)
    upper = [(axes.x(p.at_s), axes.y(p.high if p.high is not None else 100.0)) for p in told.points]
    lower = [(axes.x(p.at_s), axes.y(max(p.low, 0.1))) for p in told.points]
    yield f'<polygon points="{_path([*upper, *reversed(lower)])}" fill="{_BAND}"/>'
    yield from _grid(axes, (0.1, 1.0, 10.0, 100.0), "relative risk of a bad request, with its interval")
    line = [(axes.x(p.at_s), axes.y(p.rr)) for p in told.points if p.rr is not None]
    yield f'<polyline points="{_path(line)}" fill="none" stroke="#1f4e79" stroke-width="2"/>'
    yield from _decision(told, axes)


def _evidence_panel(told: Told) -> Iterator[str]:
    most = max(1e3, *(min(p.bad, 1e12) for p in told.points), *(min(p.ok, 1e12) for p in told.points))
    axes = _Axes(_SIZE[1], told.points[0].at_s, told.points[-1].at_s, 1e-3, 10 * most)
    yield from _grid(
        axes, (1e-3, 1.0, 1e3, 1e6, 1e9), "evidence (red: worse than stable, green: not too bad), limits dashed"
    )
    for limit, colour in ((1 / told.alpha, _WORSE), (1 / told.beta, _FINE)):
        y = axes.y(limit)
        yield (
            f'<line x1="{_EDGE[0]}" x2="{_SIZE[0] - _EDGE[1]}" y1="{y}" y2="{y}" stroke="{colour}" '
            'stroke-dasharray="5 4"/>'
        )
    for values, colour in (([p.bad for p in told.points], _WORSE), ([p.ok for p in told.points], _FINE)):
        line = [(axes.x(p.at_s), axes.y(value)) for p, value in zip(told.points, values, strict=True)]
        yield f'<polyline points="{_path(line)}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from _decision(told, axes)


def _grid(axes: _Axes, ticks: Sequence[float], title: str) -> Iterator[str]:
    yield f'<text x="{_EDGE[0]}" y="{axes.top + 20}" fill="#333">{html.escape(title)}</text>'
    for tick in ticks:
        if axes.low <= tick <= axes.high:
            y = axes.y(tick)
            yield f'<line x1="{_EDGE[0]}" x2="{_SIZE[0] - _EDGE[1]}" y1="{y}" y2="{y}" stroke="#ddd"/>'
            yield f'<text x="{_EDGE[0] - 8}" y="{y + 4}" text-anchor="end" fill="#666">{tick:g}</text>'
    for at_s in (axes.first_s, axes.last_s):
        anchor = "start" if at_s == axes.first_s else "end"
        y = axes.top + _SIZE[1] - 14
        yield f'<text x="{axes.x(at_s)}" y="{y}" text-anchor="{anchor}" fill="#666">{at_s - axes.first_s:g} s</text>'


def _decision(told: Told, axes: _Axes) -> Iterator[str]:
    decided = next((point for point in told.points if point.verdict != "inconclusive"), None)
    if decided is None:
        return
    x, colour = axes.x(decided.at_s), _WORSE if decided.verdict == "abort" else _FINE
    top, bottom = axes.top + _EDGE[2], axes.top + _SIZE[1] - _EDGE[2]
    yield f'<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}" stroke="{colour}" stroke-width="1.5"/>'
    yield f'<text x="{x + 4}" y="{top + 12}" fill="{colour}">{decided.verdict}</text>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _of_measurement(measurement: Mapping[str, Any]) -> Point | None:
    """The point of a comparison's measurement; None for another metric's, or one that was an Error."""
    from datetime import datetime

    try:
        value = json.loads(str(measurement.get("value") or ""))
        at = datetime.fromisoformat(str(measurement.get("finishedAt")).replace("Z", "+00:00"))
        return _point(at.timestamp(), value, str(measurement.get("message") or ""))
    except (ValueError, KeyError, TypeError):
        return None


def _point(at_s: float, value: Mapping[str, Any], why: str) -> Point:
    sides = [
        (float(side["requests"]), float(side["bad"])) if isinstance(side := value.get(name), Mapping) else None
        for name in ("canary", "stable")
    ]
    return Point(
        at_s, str(value["verdict"]), float(value["eBad"]), float(value["eOk"]), value["rr"], float(value["low"]),
        value["high"], str(value["null"]), why, sides[0], sides[1],
    )  # fmt: skip


def _terms(metric: Mapping[str, Any]) -> tuple[float, float]:
    provider = metric.get("provider") or {}
    spec = provider.get("comparison") or (provider.get("plugin") or {}).get("comparison") or {}
    try:
        return float(spec.get("alpha") or 0.01), float(spec.get("beta") or 0.05)
    except (TypeError, ValueError):
        return 0.01, 0.05
