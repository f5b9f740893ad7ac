"""Who leads: the decisions about a Lease, without the waiting and the wire.

A rival counts as alive until its record was seen unchanged for a whole lease duration on our own monotonic clock. The
times that stand in the record are never compared with ours, so a clock that is wrong, or a record that is corrupt,
costs patience and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube.kinds import LEASE
from rollouts.kube.ref import Manifest, Ref
from rollouts.shell.settings import Settings

RIVAL_DURATION_S = 15.0  # what a record that does not say it is given: the field's usual one
RIVAL_DURATION_S_MAX = 600.0
OURS = "rollouts/"  # with which the identity of each process of this project begins, and no other controller's


def is_ours(identity: str) -> bool:
    """Whether a holder of the Lease is a process of this project."""
    return identity.startswith(OURS)


@dataclass(frozen=True, slots=True)
class Write:
    """What to send: a create where version is "", else an update on that version."""

    body: dict[str, Any]
    version: str
    term: int


@dataclass(slots=True)
class Claim:
    """One process's view of one Lease. All `at_s` are readings of the monotonic clock."""

    ref: Ref
    identity: str
    settings: Settings
    deadline_s: float = -1.0  # until when we may write
    term: int | None = None
    rival: str = ""  # who held it at the last look, if that was somebody else who may be alive
    _seen: Mapping[str, Any] | None = field(default=None, repr=False)
    _seen_at_s: float = 0.0

    def remaining_s(self, at_s: float) -> float:
        """For how long we may still write."""
        return self.deadline_s - at_s if self.term is not None else -1.0

    def look(self, lease: Manifest | None, at_s: float, now: Instant) -> Write | None:
        """What to send after the Lease was read (None: there is none), or None while somebody else may hold it."""
        self.rival = ""
        if lease is None:
            return Write(self._body(now, now, 1, {}), "", 1)
        spec = part(lease, "spec")
        if self._seen is None or spec != self._seen:
            self._seen, self._seen_at_s = dict(spec), at_s
        transitions = _whole(spec.get("leaseTransitions"))
        meta = lease["metadata"]
        if spec.get("holderIdentity") == self.identity:
            began = Instant.parse(spec.get("acquireTime")) or now
            return Write(self._body(began, now, transitions, meta), meta["resourceVersion"], transitions)
        if not _is_released(spec) and at_s - self._seen_at_s < self._patience_s(spec):
            self.rival = str(spec.get("holderIdentity") or "")
            return None
        term = transitions + 1
        return Write(self._body(now, now, term, meta), meta["resourceVersion"], term)

    def won(self, write: Write, sent_at_s: float) -> None:
        """The write was stored. The right to write counts from the moment it was sent."""
        self._seen, self._seen_at_s = write.body["spec"], sent_at_s
        self.term = write.term
        self.deadline_s = sent_at_s + self.settings.lease_renew_deadline_s

    def lost(self) -> None:
        """Somebody else holds the Lease, or ours ran out."""
        self.term, self.deadline_s = None, -1.0

    def release(self, lease: Manifest, now: Instant) -> Write | None:
        """What to send so that the next one need not wait, or None where the Lease is not ours."""
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") != self.identity:
            return None
        meta = lease["metadata"]
        body = self._body(now, now, _whole(spec.get("leaseTransitions")), meta)
        body["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        return Write(body, meta["resourceVersion"], 0)

    def _patience_s(self, spec: Mapping[str, Any]) -> float:
        told = _whole(spec.get("leaseDurationSeconds"))
        theirs = min(float(told), RIVAL_DURATION_S_MAX) if told > 0 else RIVAL_DURATION_S
        return max(self.settings.lease_duration_s, theirs)

    def _body(self, began: Instant, renewed: Instant, transitions: int, meta: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: meta[name] for name in ("labels", "annotations", "ownerReferences") if meta.get(name)}
        seen = {name: meta[name] for name in ("uid", "resourceVersion") if meta.get(name)}
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"name": self.ref.name, "namespace": self.ref.namespace, **kept, **seen},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": int(self.settings.lease_duration_s),
                "acquireTime": _micro_time(began),
                "renewTime": _micro_time(renewed),
                "leaseTransitions": transitions,
            },
        }


def _is_released(spec: Mapping[str, Any]) -> bool:
    """As a graceful stop leaves it; a record that merely lacks a holder is corrupt, and waited for."""
    return spec.get("holderIdentity") == "" and spec.get("leaseDurationSeconds") == 1 and bool(spec.get("renewTime"))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _micro_time(at: Instant) -> str:
    text = at.rfc3339()
    return text if "." in text else text[:-1] + ".000000Z"
