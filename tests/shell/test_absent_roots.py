"""Roots that are gone, or may be: their last turn, and what is not made again before somebody has looked."""

from __future__ import annotations

from typing import Any

from rollouts.core.plan import Create, Patch, Plan, Stage
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import INGRESS, REPLICA_SET, ROLLOUT, SERVICE
from rollouts.kube.ref import Manifest, Ref
from tests.shell.script import ROUTE, WEB, Story, an_object, web

MARKED = Ref(SERVICE, "shop", "web-stable")
A_SERVICE = an_object(MARKED, "4", metadata={"annotations": {"mark": "web"}})


def named(ref: Ref, manifest: Manifest) -> Ref | None:
    name = (manifest["metadata"].get("annotations") or {}).get("mark")
    return Ref(ROLLOUT, ref.namespace, name) if ref.kind == SERVICE and name else None


def unmark(seen: Any, now: Instant) -> Plan:
    meta = seen["metadata"]
    if not meta.get("annotations"):
        return Plan()
    body = {"metadata": {"annotations": {"mark": None}}}
    return Plan(actions=(Patch(MARKED, body, meta["uid"], meta["resourceVersion"], Stage.SHIFT, irreversible=True),))


def farewell(*, leading: bool = True) -> Story:
    """A room that takes its mark off a Service whose Rollout is not there."""
    return Story(
        unmark,
        gather=lambda ref, reader: None if reader.get(ref) else reader.get(MARKED),
        kinds=(ROLLOUT, SERVICE),
        names_root=named,
        leading=leading,
    )


def test_a_root_that_went_while_nobody_looked_gets_its_last_turn() -> None:
    story = farewell().listed((MARKED, A_SERVICE))
    look = story.send()
    story.answer(look, 404)

    assert (look.verb, look.ref) == ("get", WEB)
    assert (story.send().verb, story.turns[-1].requests[0].ref) == ("patch", MARKED)


def test_a_root_that_went_while_a_standby_looked_gets_its_last_turn_from_the_next_leader() -> None:
    story = farewell(leading=False).listed((WEB, web("7")), (MARKED, A_SERVICE))
    story.told(WEB, web("11"), "DELETED").machine.lead(1, story.now)

    assert (story.send().verb, story.turns[-1].requests[0].ref) == ("get", WEB)


def test_a_standby_keeps_nothing_of_roots_that_are_gone() -> None:
    story = farewell(leading=False).listed()
    for number in range(3):
        one = Ref(ROLLOUT, "shop", f"web-{number}")
        story.told(one, an_object(one, str(11 + 2 * number)), "ADDED")
        story.told(one, an_object(one, str(12 + 2 * number)), "DELETED")
    story.turn()

    assert (story.machine.counts.keys, story.machine.counts.due) == (0, 0)


def test_a_root_that_another_instance_looks_after_is_left_alone() -> None:
    story = farewell().listed((MARKED, A_SERVICE))
    story.answer(story.send(), 200, web("9"))

    assert story.sent() is None
    assert story.later(600).sent() is None


def test_what_was_removed_is_made_again_only_after_the_root_was_read() -> None:
    def make(seen: Any, now: Instant) -> Plan:
        return Plan() if seen["there"] else Plan(actions=(Create(ROUTE, an_object(ROUTE, ""), "uid-web"),))

    story = Story(make, gather=lambda ref, reader: {"there": reader.get(ROUTE)}, kinds=(ROLLOUT, REPLICA_SET, INGRESS))
    story.listed((WEB, web("5")), (ROUTE, an_object(ROUTE, "6")))
    assert story.sent() is None
    story.told(ROUTE, an_object(ROUTE, "11"), "DELETED")
    look = story.send()
    story.answer(look, 404)

    assert (look.verb, look.ref) == ("get", WEB)
    assert story.sent() is None


def test_that_a_root_was_absent_once_proves_nothing_later() -> None:
    story = farewell().listed((MARKED, A_SERVICE))
    story.answer(story.send(), 404)
    given_back = an_object(MARKED, "11")
    story.answer(story.send(), 200, given_back)
    story.told(MARKED, given_back).sent()

    # Another instance has made a root of that name since, and marks the Service.
    story.told(MARKED, an_object(MARKED, "12", metadata={"annotations": {"mark": "web"}}))
    look = story.send()
    story.answer(look, 200, web("13"))

    assert (look.verb, look.ref) == ("get", WEB)
    assert story.sent() is None


def test_a_root_that_leaves_our_watch_but_still_stands_keeps_its_mark() -> None:
    story = farewell().listed((WEB, web("5")), (MARKED, A_SERVICE))
    assert story.sent() is None

    story.told(WEB, web("11"), "DELETED")  # its labels are another instance's now
    look = story.send()
    story.answer(look, 200, web("11"))

    assert (look.verb, look.ref) == ("get", WEB)
    assert story.sent() is None
    assert story.later(600).sent() is None
