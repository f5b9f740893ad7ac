"""Should the controller sync without being asked? Once for each commit, and again where the cluster has drifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.gitops import windows
from rollouts.gitops.comparison import OUT_OF_SYNC, Comparison, Row
from rollouts.gitops.judged import refusal
from rollouts.gitops.operation import is_automated, is_told, spec_sources, state_of, sync_of, whole
from rollouts.gitops.options import of_object
from rollouts.gitops.report import row_is_out
from rollouts.gitops.seen import AppSeen
from rollouts.gitops.sync.task import SUCCEEDED
from rollouts.kit.instant import Instant
from rollouts.kit.parts import objects

HEAL_FIRST_S, HEAL_FACTOR, HEAL_CAP_S = 2.0, 3.0, 300.0
RETRIES = 5
HEALED_MAX = 200
AUTOMATIC: Mapping[str, Any] = {"automated": True}


@dataclass(frozen=True, slots=True)
class Decision:
    """operation: what to ask for, None for nothing.  error: why nothing is asked for though there is something to do.

    wake: when to look again.
    """

    operation: dict[str, Any] | None = None
    error: str = ""
    wake: Instant | None = None


def decide(seen: AppSeen, comparison: Comparison, now: Instant) -> Decision:
    """What an Application that may sync itself does about what is out of sync."""
    spec = seen.spec
    automated = spec.sync_policy.automated if spec and spec.sync_policy else None
    if automated is None or automated.enabled is False or comparison.status != OUT_OF_SYNC or seen.running:
        return Decision()
    verdict = window(seen, now)
    if not verdict.automated:
        return Decision(wake=verdict.changes_at)
    out = [row for row in comparison.rows if row_is_out(row) and row.key not in seen.shared]
    doable = [row for row in out if row.wanted is not None or automated.prune]
    if not doable:
        return Decision()
    if refusal(seen.judged, {row.key for row in out}):
        return Decision()  # a condition says why
    if said := _wipes(seen, comparison, automated.prune, automated.allow_empty):
        return Decision(error=said)
    if not _was_tried(seen):
        return Decision(_operation(seen, automated.prune))
    return _again(seen, doable, automated.prune, automated.self_heal, now)


def window(seen: AppSeen, now: Instant) -> windows.Verdict:
    """What the project's sync windows say of this Application now."""
    if seen.project is None or seen.cluster is None or seen.spec is None:
        return windows.Verdict()
    cluster, namespace = seen.cluster, seen.spec.destination.namespace
    mine = [each for each in seen.project.windows if windows.is_for(each, seen.ref.name, namespace, cluster)]
    return windows.verdict(mine, now)


def _wipes(seen: AppSeen, comparison: Comparison, prunes: bool, may_be_empty: bool) -> str:
    """Why nothing is synced where git wants nothing at all."""
    if may_be_empty or not prunes or any(row.wanted for row in comparison.rows) or not comparison.rows:
        return ""
    return "auto-sync will wipe out all resources: the render has no object; set allowEmpty if that is meant"


def _was_tried(seen: AppSeen) -> bool:
    """Whether the latest operation that brought all of a commit was for these very revisions and sources."""
    state = state_of(seen.manifest)
    result, sync = state.get("syncResult"), sync_of(state.get("operation"))
    is_part = bool(sync.get("resources")) and not is_automated(state.get("operation"))  # healing follows a whole sync
    if sync.get("dryRun") is True or is_part:
        result = next(reversed(objects(seen.status, "history")), None)
    if not isinstance(result, Mapping):
        return False
    revisions = result.get("revisions") or [result.get("revision")]
    sources = result.get("sources") or [result.get("source")]
    return list(revisions) == list(seen.source.revisions) and is_told(sources, spec_sources(seen.manifest))


def _again(seen: AppSeen, doable: list[Row], prunes: bool, heals: bool, now: Instant) -> Decision:
    state = state_of(seen.manifest)
    if state.get("phase") != SUCCEEDED:
        revision = ", ".join(seen.source.revisions)
        said = f"Failed last sync attempt to [{revision}]: {state.get('message')}"
        return Decision(error=said)
    healable = [row for row in doable if row.wanted is not None or _may_go(row, seen)]
    if not heals or not healable:
        return Decision()
    finished = Instant.parse(state.get("finishedAt")) or now
    attempts = whole(sync_of(state.get("operation")).get("autoHealAttemptsCount"))
    if now.since(finished) > 2 * HEAL_CAP_S:
        attempts = 0  # it held for long: this is another drift
    wait_s = 0.0 if attempts == 0 else min(HEAL_CAP_S, HEAL_FIRST_S * HEAL_FACTOR ** min(attempts - 1, 16))
    due = finished.plus(wait_s)
    if now < due:
        return Decision(wake=due)
    names = [{name: value for name, value in _name(row).items() if value} for row in healable[:HEALED_MAX]]
    return Decision(_operation(seen, prunes, {"resources": names, "autoHealAttemptsCount": attempts + 1}))


def _may_go(row: Row, seen: AppSeen) -> bool:
    """Whether a sync would prune an object; one that would skip it would be begun again and again."""
    assert row.live is not None and seen.place is not None and seen.project is not None and seen.cluster is not None
    stays = of_object(row.live).over(seen.place.options).word("Prune").lower() == "false"
    namespaced = row.kind.namespaced if row.kind else True
    return not stays and not seen.project.object_problem(row.key, seen.cluster, namespaced=namespaced)


def _name(row: Row) -> dict[str, str]:
    return {"group": row.key.group, "kind": row.key.kind, "name": row.key.name, "namespace": row.key.namespace}


def _operation(seen: AppSeen, prunes: bool, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    assert seen.spec is not None
    policy = seen.spec.sync_policy
    raw: Any = (seen.manifest["spec"].get("syncPolicy") or {}) if policy else {}
    sync: dict[str, Any] = {"prune": prunes, **(more or {})}
    revisions = list(seen.source.revisions)
    several = bool(seen.manifest["spec"].get("sources"))
    sync |= {"revisions": revisions} if several else {"revision": revisions[0]}
    if raw.get("syncOptions"):
        sync["syncOptions"] = list(raw["syncOptions"])
    return {"sync": sync, "initiatedBy": dict(AUTOMATIC), "retry": dict(raw.get("retry") or {"limit": RETRIES})}
