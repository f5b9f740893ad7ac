"""Pods, which are watched only where somebody asks for them, and leave by the door where budgets are heard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rollouts.core.plan import Evict, Plan
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import POD, REPLICA_SET, ROLLOUT
from rollouts.kube.ref import Manifest, Ref
from rollouts.shell import wiring
from rollouts.shell.projection import decoding, page
from tests.shell.script import WEB, Story, an_object, report, web

FIRST, SECOND = Ref(POD, "shop", "web-1"), Ref(POD, "shop", "web-2")


def asking(ref: Ref, reader: Any) -> Any:
    """A gather that needs pods where the spec says so."""
    root = reader.get(ref)
    if root is None or not root.get("spec"):
        return root and {"root": root, "pods": ()}
    return {"root": root, "pods": reader.owned_by(POD, "uid-set") if reader.knows(POD) else ()}


def evicting(seen: Any, now: Instant) -> Plan:
    """Every pod that is there is to go; then that is reported."""
    pods = [each for each in seen["pods"] if not each["metadata"].get("deletionTimestamp")]
    actions = tuple(
        Evict(Ref(POD, "shop", each["metadata"]["name"]), each["metadata"]["uid"], each["metadata"]["resourceVersion"])
        for each in pods
    )
    told = {"left": len(pods)}
    status = None if seen["root"].get("status") == told else report(seen["root"], **told)
    return Plan(actions=actions, status=status, wake=now.plus(30))


def a_story() -> Story:
    return Story(evicting, asking, kinds=(ROLLOUT, REPLICA_SET), on_demand=(POD,))


def a_pod(ref: Ref, version: str, **parts: Any) -> Manifest:
    return an_object(ref, version, owner="uid-set", **parts)


def watched(*pods: Ref) -> Story:
    story = a_story().listed((WEB, web("7", spec="pods")))
    story.turn()
    story.answer(story.turns[-1].requests[0], body=web("8", spec="pods", status={"left": 0}))
    story.told(WEB, web("8", spec="pods", status={"left": 0}))
    story.machine.replace(POD, [a_pod(ref, "9") for ref in pods], "9", story.now)
    return story


def test_pods_are_watched_once_somebody_asks_and_not_before():
    story = a_story().listed((WEB, web("7")))

    assert story.turn().watch == ()

    story.answer(story.turns[-1].requests[0], body=web("8", status={"left": 0}))
    story.told(WEB, web("8", status={"left": 0})).turn()
    story.told(WEB, web("9", spec="pods", status={"left": 0})).turn()

    assert [turn.watch for turn in story.turns if turn.watch] == [(POD,)]


def test_whoever_asked_comes_round_when_the_pods_are_known():
    story = watched(FIRST)
    request = story.send()

    assert (request.verb, request.ref, request.subresource) == ("create", FIRST, "eviction")
    assert request.body["kind"] == "Eviction"
    assert request.body["deleteOptions"]["preconditions"] == {"uid": "uid-web-1", "resourceVersion": "9"}


def test_a_key_sleeps_until_the_pod_that_it_evicted_is_seen_to_leave():
    story = watched(FIRST)
    story.answer(story.send(), status=201)
    story.answer(story.send(), body=web("10", spec="pods", status={"left": 1}))
    story.told(WEB, web("10", spec="pods", status={"left": 1}))
    before = story.calls

    assert story.sent() is None
    assert story.calls == before

    story.told(FIRST, a_pod(FIRST, "11", metadata={"deletionTimestamp": "2026-03-01T12:00:00Z"}))

    assert story.send().body["status"] == {"left": 0}


@pytest.mark.parametrize("status", [429, 500])
def test_a_budget_that_says_no_stops_neither_the_plan_nor_the_key(status):
    story = watched(FIRST, SECOND)
    story.answer(story.send(), status=status)
    second = story.send()

    assert second.ref == SECOND

    story.answer(second, status=201)
    assert story.send().subresource == "status"
    assert story.machine.counts.declined == 1
    assert "WriteRefused" not in story.notes()


def test_a_pod_that_is_another_one_now_ends_the_turn():
    story = watched(FIRST, SECOND)
    story.answer(story.send(), status=409)

    assert story.sent() is None


def test_of_pods_only_those_of_versions_are_watched_and_without_their_specs():
    interest = wiring.demanded(POD, "shop")
    pod = {"metadata": {"name": "a"}, "spec": {"x": 1}, "status": {"phase": "Running", "podIP": "1"}}
    listed = page(json.dumps({"metadata": {"resourceVersion": "5"}, "items": [pod]}).encode())

    assert (interest.namespace, interest.labels) == ("shop", "rollouts-pod-template-hash")
    read = [decoding(POD).item(one) for one in listed["items"]]
    assert read == [{"metadata": {"name": "a"}, "status": {"phase": "Running"}}]
