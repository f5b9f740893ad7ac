"""What runs to an end."""

from __future__ import annotations

from rollouts.gitops.health.model import HEALTHY, Health, condition, degraded, progressing, says, suspended
from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube.ref import Manifest


def job(live: Manifest) -> Health:
    """Whether a Job has ended, and how."""
    if says(live, "Failed"):
        return degraded(str(condition(live, "Failed").get("message") or ""))
    if says(live, "Complete"):
        return Health(HEALTHY.status, str(condition(live, "Complete").get("message") or ""))
    if says(live, "Suspended") or part(live, "spec").get("suspend") is True:
        return suspended(str(condition(live, "Suspended").get("message") or "Job is suspended"))
    return progressing(str(part(live, "status").get("message") or "the Job is running"))


def cron_job(live: Manifest) -> Health:
    """Whether the latest Job of a schedule came to a good end; lenient, for a schedule is no workload."""
    status = part(live, "status")
    scheduled, succeeded = (Instant.parse(status.get(name)) for name in ("lastScheduleTime", "lastSuccessfulTime"))
    if part(live, "spec").get("suspend") is True or scheduled is None or succeeded is None or status.get("active"):
        return HEALTHY
    return degraded("the latest Job did not succeed") if scheduled > succeeded else HEALTHY
