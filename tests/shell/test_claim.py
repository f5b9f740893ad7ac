"""Who may lead, decided by patience on our own monotonic clock and by nothing that a record claims about time."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.kit.instant import Instant
from rollouts.kube.kinds import LEASE
from rollouts.kube.ref import Ref
from rollouts.shell.claim import Claim, is_ours
from rollouts.shell.settings import Settings

LOCK = Ref(LEASE, "ops", "argo-rollouts-controller-lock")
NOW = Instant.of(1_700_000_000)


def a_claim() -> Claim:
    return Claim(LOCK, "me", Settings())


def a_lease(version: str = "5", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": LOCK.name, "namespace": "ops", "resourceVersion": version, "uid": "u"}, "spec": spec}


THEIRS = {
    "holderIdentity": "other",
    "leaseDurationSeconds": 15,
    "acquireTime": "2023-11-14T22:13:20.000000Z",
    "renewTime": "2023-11-14T22:13:20.000000Z",
    "leaseTransitions": 3,
}


def test_a_lock_that_is_not_there_is_created():
    write = a_claim().look(None, 100.0, NOW)

    assert write is not None
    assert (write.version, write.term, write.body["spec"]["holderIdentity"]) == ("", 1, "me")


def test_another_holder_is_waited_for_until_it_was_silent_for_a_whole_duration():
    claim = a_claim()

    assert claim.look(a_lease(**THEIRS), 100.0, NOW) is None
    assert claim.look(a_lease(**THEIRS), 114.9, NOW) is None

    write = claim.look(a_lease(**THEIRS), 115.0, NOW)

    assert write is not None
    assert (write.term, write.version) == (4, "5")
    assert write.body["spec"]["leaseTransitions"] == 4
    assert write.body["metadata"]["uid"] == "u"


def test_a_holder_that_renews_is_alive():
    claim = a_claim()
    for second in range(100, 400, 10):
        renewed = THEIRS | {"renewTime": Instant.of(second).rfc3339()}

        assert claim.look(a_lease(**renewed), float(second), NOW) is None


def test_a_standby_holds_a_longer_duration_of_its_rival_in_honour():
    claim, slow = a_claim(), THEIRS | {"leaseDurationSeconds": 60}
    claim.look(a_lease(**slow), 100.0, NOW)

    assert claim.look(a_lease(**slow), 159.0, NOW) is None
    assert claim.look(a_lease(**slow), 160.0, NOW) is not None


@pytest.mark.parametrize(
    ("story", "spec"),
    [
        ("no spec", None),
        ("a spec that is no object", "mine"),
        ("an empty spec", {}),
        ("no holder", {"renewTime": "2023-11-14T22:13:20Z"}),
        ("no holder and a long duration", {"holderIdentity": "", "leaseDurationSeconds": 15, "renewTime": "x"}),
        ("a negative duration", THEIRS | {"leaseDurationSeconds": -15}),
        ("a duration of a thousand years", THEIRS | {"leaseDurationSeconds": 10**11}),
        ("a duration in words", THEIRS | {"leaseDurationSeconds": "long"}),
        ("a renewal in the future", THEIRS | {"renewTime": "2999-01-01T00:00:00Z"}),
        ("a renewal long ago", THEIRS | {"renewTime": "1999-01-01T00:00:00Z"}),
        ("no transitions", {name: value for name, value in THEIRS.items() if name != "leaseTransitions"}),
        ("transitions below zero", THEIRS | {"leaseTransitions": -4}),
    ],
)
def test_a_corrupt_record_costs_patience_and_no_more(story, spec):
    claim, lease = a_claim(), {"metadata": {"name": "x", "resourceVersion": "5"}}
    if spec is not None:
        lease["spec"] = spec

    assert claim.look(lease, 100.0, NOW) is None
    assert claim.look(lease, 114.0, NOW) is None
    assert claim.look(lease, 100.0 + 600.0, NOW) is not None


def test_a_lock_that_was_handed_over_is_taken_at_once():
    ours = a_claim()
    write = ours.look(None, 0.0, NOW)
    assert write is not None
    ours.won(write, 0.0)
    released = ours.release(write.body | {"metadata": {"name": "x", "resourceVersion": "7"}}, NOW)
    assert released is not None
    handed = released.body | {"metadata": released.body["metadata"] | {"resourceVersion": "8"}}
    taken = Claim(LOCK, "next", Settings()).look(handed, 5.0, NOW)

    assert taken is not None
    assert taken.term == 2


def test_the_right_to_write_counts_from_the_moment_the_renewal_was_sent():
    claim = a_claim()
    write = claim.look(None, 100.0, NOW)
    assert write is not None
    claim.won(write, 100.0)

    right_s = Settings().lease_renew_deadline_s
    assert claim.remaining_s(100.0) == right_s
    assert claim.remaining_s(99.0 + right_s) == 1.0
    assert claim.remaining_s(100.5 + right_s) < 0

    claim.lost()

    assert claim.remaining_s(101.0) < 0


def test_our_own_lock_is_renewed_within_the_same_term():
    claim = a_claim()
    mine = THEIRS | {"holderIdentity": "me"}
    write = claim.look(a_lease(**mine), 100.0, NOW)

    assert write is not None
    assert write.term == 3
    assert write.body["spec"]["acquireTime"] == THEIRS["acquireTime"]
    assert write.body["spec"]["renewTime"] != THEIRS["renewTime"] or NOW.rfc3339().startswith("2023-11-14T22:13:20")


def test_a_lock_of_somebody_else_is_not_released():
    assert a_claim().release(a_lease(**THEIRS), NOW) is None


def test_what_others_wrote_beside_the_spec_stays():
    lease = a_lease(**(THEIRS | {"holderIdentity": "me"}))
    lease["metadata"]["labels"] = {"team": "a"}
    write = a_claim().look(lease, 100.0, NOW)

    assert write is not None
    assert write.body["metadata"]["labels"] == {"team": "a"}


def test_who_holds_the_lock_is_known_while_it_is_waited_for():
    claim = a_claim()
    claim.look(a_lease(**THEIRS), 100.0, NOW)
    assert claim.rival == "other"

    claim.look(a_lease(**THEIRS), 115.0, NOW)
    assert claim.rival == ""


def test_a_holder_of_our_own_is_told_from_another_controller():
    assert is_ours("rollouts/web-0_12_ab12cd34")
    assert not is_ours("argo-rollouts-6b5d4b8c9f-x2x7k_4b1f3b0e-3f0e-4d2f-9b7e-6a2f6a0c1d11")
    assert not is_ours("")
