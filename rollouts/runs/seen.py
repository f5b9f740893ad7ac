"""What one AnalysisRun looks like now: its metrics, how far it is, and the answers that have come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis import phase
from analysis.errors import AnalysisError
from analysis.model import Metric, MetricState, read_metrics
from analysis.phase import Phase
from rollouts.core.plan import Answer
from rollouts.core.reader import Reader
from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest, Ref
from rollouts.runs import jobs
from rollouts.runs.jobs import JobsSeen
from rollouts.runs.status import read_states, status_of


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One AnalysisRun as it stands.

    metrics: empty where `error` says why the spec cannot be used.  states: one per metric, in the same order.
    answers: by the name of the metric whose next measurement they are.  prometheus_address: the server where a metric
    names none.  jobs: None where no metric is a Job, or while Jobs are not known yet.
    """

    ref: Ref
    manifest: Manifest
    metrics: tuple[Metric, ...]
    error: str
    phase: Phase | None
    started: Instant | None
    states: tuple[MetricState, ...]
    answers: Mapping[str, Answer]
    prometheus_address: str = ""
    jobs: JobsSeen | None = None

    @property
    def uid(self) -> str:
        """Who this run is; a namesake that came later is another."""
        return kube.uid(self.manifest)

    @property
    def is_terminated(self) -> bool:
        """Whether its owner or a human ended it."""
        return spec_of(self.manifest).get("terminate") is True


def gather(ref: Ref, reader: Reader, *, prometheus_address: str = "") -> RunSeen | None:
    """The run and the answers to its open questions, or None where the run is gone."""
    manifest = reader.get(ref)
    if manifest is None:
        return None
    metrics, error = reader.parsed(manifest, _parsed)
    status = status_of(manifest)
    states = read_states(status, metrics)
    uid = kube.uid(manifest)
    answers = {}
    for state in states:
        if not state.is_completed and (answer := reader.answer(ask_id(uid, state))):
            answers[state.name] = answer
    return RunSeen(
        ref=ref,
        manifest=manifest,
        metrics=metrics,
        error=error,
        phase=phase.parse(status.get("phase")),
        started=Instant.parse(status.get("startedAt")),
        states=states,
        answers=answers,
        prometheus_address=prometheus_address,
        jobs=jobs.gathered(manifest, metrics, states, reader),
    )


def ask_id(uid: str, state: MetricState) -> str:
    """The name of the asking for a metric's next measurement: the same after a restart, until it is recorded."""
    return f"{uid}/{state.name}/{state.taken}"


def spec_of(manifest: Manifest) -> Mapping[str, Any]:
    """The spec, empty where it is none."""
    return part(manifest, "spec")


def _parsed(manifest: Manifest) -> tuple[tuple[Metric, ...], str]:
    """The metrics, or the message of the status that says why there are none."""
    try:
        return read_metrics(spec_of(manifest)), ""
    except AnalysisError as error:
        return (), str(error)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return (), f"Analysis spec invalid: {type(error).__name__} in a field of the wrong type"
