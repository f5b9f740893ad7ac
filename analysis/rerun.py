"""Past runs judged again, by their own metrics or another template's, on what the metrics server still holds.

The steps are those of a run (`measuring`, `verdict`, `due`); only the clock is another. Pure: whoever can ask a server
about the past hands in how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from analysis import measuring
from analysis.asks import PromQueries, PromQuery, Question
from analysis.errors import AnalysisError
from analysis.model import Metric, MetricState, read_metrics
from analysis.phase import Phase, parse
from analysis.providers import Surroundings
from analysis.replay import next_due_s
from analysis.templates import build_run_spec
from analysis.verdict import judge

QUESTIONS_MAX = 2000  # of one run
Fetch = Callable[[Question], Any]


@dataclass(frozen=True, slots=True)
class Past:
    """A run that is over. began_s, ended_s: seconds since the epoch."""

    name: str
    spec: Mapping[str, Any]
    phase: Phase
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Again:
    """What a past run comes to now. after_s: from its beginning; questions: that were asked."""

    name: str
    was: Phase
    phase: Phase
    after_s: float
    message: str
    questions: int


def read_runs(found: Any) -> tuple[Past, ...]:
    """Those that are over, of an AnalysisRun, a list of them, or what `kubectl get -o json` prints."""
    items = found.get("items") if isinstance(found, Mapping) and isinstance(found.get("items"), list) else found
    manifests = items if isinstance(items, list) else [items]
    return tuple(past for each in manifests if isinstance(each, Mapping) and (past := _past(each)))


def with_template(past: Past, template: Mapping[str, Any]) -> Past:
    """The run as another template would have made it, with the arguments that it had. Raises AnalysisError."""
    names = {str(each.get("name")) for each in template.get("args") or () if isinstance(each, Mapping)}
    given = [each for each in past.spec.get("args") or () if isinstance(each, Mapping) and each.get("name") in names]
    return replace(past, spec=build_run_spec([template], given))


def rerun(past: Past, fetch: Fetch, address: str = "") -> Again:
    """The run judged again until its end or the verdict.

    fetch: answers a question about the past, whose moment it holds; raises AnalysisError.  address: of the server, in
    place of the one that a metric names.  Raises AnalysisError for a spec that cannot be used, or asks too often."""
    metrics = read_metrics(past.spec)
    states = tuple(MetricState(metric.name) for metric in metrics)
    verdict, asked, now_s = judge(metrics, states), 0, past.began_s
    while not verdict.phase.is_completed:
        due_s = next_due_s(metrics, states, past.began_s)
        is_over = due_s is None or due_s > past.ended_s
        if not is_over:
            assert due_s is not None
            now_s = max(now_s, due_s)
            due = [next_due_s([metric], [state], past.began_s) for metric, state in zip(metrics, states, strict=True)]
            asked += sum(moment == due_s for moment in due)
            if asked > QUESTIONS_MAX:
                raise AnalysisError(f"{past.name}: more than {QUESTIONS_MAX} questions")
            states = tuple(
                _asked(metric, state, (fetch, address, now_s)) if moment == due_s else state
                for metric, state, moment in zip(metrics, states, due, strict=True)
            )
        else:
            now_s = past.ended_s
        verdict = judge(metrics, states, is_terminated=is_over)
        states = verdict.states
    return Again(past.name, past.phase, verdict.phase, now_s - past.began_s, verdict.message, asked)


def lines(found: Sequence[Again]) -> Iterator[str]:
    """What changed, and how often what became what."""
    for each in found:
        mark = " " if each.phase is each.was else "*"
        why = f": {each.message}" if each.message else ""
        yield f"{mark} {each.name}: was {each.was}, now {each.phase} after {each.after_s:g} s{why}"
    pairs = sorted({(each.was.value, each.phase.value) for each in found})
    for was, now in pairs:
        count = sum((each.was.value, each.phase.value) == (was, now) for each in found)
        yield f"{count} of {len(found)} runs: was {was}, now {now}"


def at(question: Question, moment_s: float, address: str = "") -> Question:
    """A question to Prometheus as of a moment in the past. Raises AnalysisError for another source's."""
    if isinstance(question, PromQueries):
        return PromQueries(tuple(replace(each, at_s=moment_s, url=address or each.url) for each in question.queries))
    if isinstance(question, PromQuery):
        return replace(question, at_s=moment_s, url=address or question.url)
    raise AnalysisError("only Prometheus can be asked about the past")


def _asked(metric: Metric, state: MetricState, where: tuple[Fetch, str, float]) -> MetricState:
    fetch, address, now_s = where
    answer, error = None, ""
    try:
        question = measuring.ask(metric, Surroundings(now_s, address, state.metadata.get(measuring.MEMORY, "")))
        answer = fetch(at(question, now_s, address))
    except AnalysisError as broken:
        error = str(broken)
    return measuring.taken(metric, state, answer, error, now_s, now_s)[0]


def _past(manifest: Mapping[str, Any]) -> Past | None:
    status, spec = manifest.get("status"), manifest.get("spec")
    if not isinstance(status, Mapping) or not isinstance(spec, Mapping):
        return None
    phase = parse(status.get("phase"))
    began_s, ended_s = _moment_s(status.get("startedAt")), _moment_s(status.get("completedAt") or _last(status))
    if phase is None or not phase.is_completed or began_s is None or ended_s is None:
        return None
    name = (manifest.get("metadata") or {}).get("name")
    return Past(str(name or "run"), spec, phase, began_s, max(began_s, ended_s))


def _last(status: Mapping[str, Any]) -> Any:
    """The end of the newest measurement, where the run's own end is not told."""
    moments = [
        str(measured.get("finishedAt"))
        for result in status.get("metricResults") or ()
        for measured in result.get("measurements") or ()
        if measured.get("finishedAt")
    ]
    return max(moments, default=None)


def _moment_s(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
