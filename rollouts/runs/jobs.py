"""Metrics that are Jobs: one Job a measurement, left on the table and read by its conditions.

The name is derived from the run, the metric and the number of the measurement, so a crash makes no second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.model import Measurement, Metric, MetricState
from analysis.phase import Phase
from rollouts.core.plan import Create, Delete
from rollouts.core.reader import Reader
from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube import conditions, kinds, owners
from rollouts.kube import object as kube
from rollouts.kube.podtemplate import HASH_LABEL
from rollouts.kube.ref import Manifest, Ref

PROVIDER = "job"
NAME_CHARS_MAX = 63  # the Job's name becomes a label of its pods
MESSAGE_CHARS_MAX = 1024
RUN_UID = "analysisrun.argoproj.io/uid"
RUN_NAME = "analysisrun.argoproj.io/name"
RUN_NAMESPACE = "analysisrun.argoproj.io/namespace"
FIRST_TRY = "ErrImagePull"
PULL_PATIENCE_S = 5.0  # one failed pull may be the registry's hiccup
NO_IMAGE = (FIRST_TRY, "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
METRIC_TERMINATED = "Metric Terminated"
NO_VERSION = "analysis"  # no hash has a vowel
METRIC = "analysisrun.argoproj.io/metric-name"


@dataclass(frozen=True, slots=True)
class JobsSeen:
    """The Jobs of a run. latest: by metric, the Job of its next measurement.  open: those that have not ended.

    refused: by metric, why the API server did not take its Job.  stuck: by metric, why the Job's pod cannot start.
    old: those that have ended, and whose measurements are no longer kept.
    """

    latest: Mapping[str, Manifest]
    open: tuple[Manifest, ...]
    refused: Mapping[str, str]
    stuck: Mapping[str, str]
    old: tuple[Manifest, ...] = ()


def gathered(
    run: Manifest, metrics: tuple[Metric, ...], states: tuple[MetricState, ...], reader: Reader
) -> JobsSeen | None:
    """The Jobs of a run that has metrics of this kind; None where it has none, or while Jobs are not known yet."""
    asked = [pair for pair in zip(metrics, states, strict=True) if pair[0].provider == PROVIDER]
    if not asked or not reader.knows(kinds.JOB):
        return None
    found = {kube.name(job): job for job in reader.owned_by(kinds.JOB, kube.uid(run))}
    latest, refused = {}, {}
    for metric, state in asked:
        name = name_of(run, metric, state)
        if (job := found.get(name)) is not None:
            latest[metric.name] = job
        elif said := reader.refused(Ref(kinds.JOB, kube.namespace(run), name)):
            refused[metric.name] = said
    still = tuple(job for job in found.values() if verdict(job) is None and not kube.is_deleting(job))
    waiting = {name: job for name, job in latest.items() if verdict(job) is None and not _has_deadline(job)}
    stuck = {name: said for name, job in waiting.items() if (said := _unable(job, reader))}
    return JobsSeen(latest, still, refused, stuck, tuple(_old(asked, found.values())))


def _old(asked: Sequence[tuple[Metric, MetricState]], found: Iterable[Manifest]) -> Iterator[Manifest]:
    """Jobs beyond those that a metric keeps measurements of: a run without end must not fill the cluster."""
    first_kept = {metric.name: state.taken - metric.keep + 1 for metric, state in asked}
    for job in found:
        number = kube.name(job).rpartition(".")[2]
        first = first_kept.get(kube.annotations(job).get(METRIC, ""), 0)
        if number.isdecimal() and int(number) < first and verdict(job) is not None and not kube.is_deleting(job):
            yield job


def _has_deadline(job: Manifest) -> bool:
    """Whether the Job ends by itself, however its pods do."""
    return part(job, "spec").get("activeDeadlineSeconds") is not None


def _unable(job: Manifest, reader: Reader) -> str:
    """Why a pod of a Job cannot get its image, "" where none says so."""
    if not reader.knows(kinds.POD):
        return ""
    for pod in reader.owned_by(kinds.POD, kube.uid(job)):
        status = part(pod, "status")
        for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            waiting = part(each, "state", "waiting")
            if waiting.get("reason") in NO_IMAGE:
                detail = str(waiting.get("message") or "")[:MESSAGE_CHARS_MAX]
                return f"{waiting['reason']}: {detail}" if detail else str(waiting["reason"])
    return ""


def is_given_up(job: Manifest, why: str, now: Instant) -> bool:
    """Whether a Job whose image was not pulled has had its chance: the first failed pull is waited out."""
    return not why.startswith(FIRST_TRY) or gives_up_at(job, now) <= now


def gives_up_at(job: Manifest, now: Instant) -> Instant:
    """Until when a first failed pull is waited out."""
    return (kube.created(job) or now).plus(PULL_PATIENCE_S)


def name_of(run: Manifest, metric: Metric, state: MetricState) -> str:
    """The Job of a metric's next measurement: `<uid of the run>.<metric>.<number>`."""
    number = state.taken + 1
    name = f"{kube.uid(run)}.{metric.name}.{number}".lower()
    if len(name) > NAME_CHARS_MAX or not _is_plain(metric.name):
        short = hashlib.sha256(metric.name.encode()).hexdigest()[:10]
        name = f"{kube.uid(run)}.{short}.{number}".lower()
    return name


def begun(run: Manifest, metric: Metric, state: MetricState) -> Create:
    """The Job that measures next."""
    spec = metric.query
    ref = Ref(kinds.JOB, kube.namespace(run), name_of(run, metric, state))
    given = spec.get("metadata") if isinstance(spec.get("metadata"), Mapping) else {}
    marks = {RUN_NAME: kube.name(run), RUN_NAMESPACE: ref.namespace, METRIC: metric.name}
    body: dict[str, Any] = {
        "apiVersion": kinds.JOB.api_version,
        "kind": kinds.JOB.name,
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "labels": {**_texts(given, "labels"), RUN_UID: kube.uid(run)},
            "annotations": {**_texts(given, "annotations"), **marks},
            "ownerReferences": owners.with_controller({"metadata": {}}, kinds.ANALYSIS_RUN, run),
        },
        "spec": _marked(part(spec, "spec"), kube.uid(run)),
    }
    return Create(ref, body, kube.uid(run))


def _marked(spec: Mapping[str, Any], uid: str) -> dict[str, Any]:
    """A Job's spec whose pods bear the run's mark, and the label by which pods are watched, with no version's hash."""
    template = part(spec, "template")
    meta = part(template, "metadata")
    labels = {**part(meta, "labels"), RUN_UID: uid, HASH_LABEL: NO_VERSION}
    return {**spec, "template": {**template, "metadata": {**meta, "labels": labels}}}


def deleted(jobs: Iterable[Manifest]) -> Iterator[Delete]:
    """What takes Jobs away, and stops those that still run."""
    for job in jobs:
        ref = Ref(kinds.JOB, kube.namespace(job), kube.name(job))
        yield Delete(ref, uid=kube.uid(job), version=kube.version(job))


def verdict(job: Manifest) -> Phase | None:
    """Successful or Failed by its conditions; None while it runs."""
    told = (job.get("status") or {}).get("conditions")
    for name, phase in (("Complete", Phase.SUCCESSFUL), ("Failed", Phase.FAILED)):
        if conditions.find(told, name).get("status") == "True":
            return phase
    return None


def running(job: Manifest) -> Measurement:
    """What is known of a measurement while its Job runs: clients find the Job by it."""
    began = kube.created(job)
    return Measurement(Phase.RUNNING, "", "", began.seconds if began else None, None, _where(job))


def undecided(job: Manifest, why: str, now: Instant) -> Measurement:
    """What a Job has measured that cannot begin, or is ended before it was done: nothing to rely on."""
    began = Instant.parse(part(job, "status").get("startTime")) or kube.created(job) or now
    return Measurement(Phase.INCONCLUSIVE, "", why, began.seconds, max(began.seconds, now.seconds), _where(job))


def measurement(job: Manifest, now: Instant) -> Measurement | None:
    """What a Job that has ended measured; None while it runs."""
    phase = verdict(job)
    if phase is None:
        return None
    status = job.get("status") or {}
    told = conditions.find(status.get("conditions"), "Failed") if phase is Phase.FAILED else {}
    began = Instant.parse(status.get("startTime")) or kube.created(job) or now
    finished = Instant.parse(status.get("completionTime")) or Instant.parse(told.get("lastTransitionTime")) or now
    message = str(told.get("message") or "")[:MESSAGE_CHARS_MAX]
    return Measurement(phase, "", message, began.seconds, max(began.seconds, finished.seconds), _where(job))


def _where(job: Manifest) -> dict[str, str]:
    return {"job-name": kube.name(job), "job-namespace": kube.namespace(job)}


def _is_plain(name: str) -> bool:
    """Whether a metric's name can stand in the name of an object."""
    return all(part and part[0].isalnum() and part[-1].isalnum() for part in name.split(".")) and all(
        char.isascii() and (char.isalnum() or char in ".-") for char in name
    )


def _texts(given: Any, part: str) -> dict[str, str]:
    found = given.get(part)
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, Mapping) else {}
