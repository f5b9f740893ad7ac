"""Beside another controller: what differs is told once it has lasted, and nothing is ever written."""

from __future__ import annotations

from rollouts.core.plan import Plan
from rollouts.shell.shadow import Shadow
from tests.shell.script import ROUTE, WEB, Story, a_patch, an_object, report, wanting, web

DONE = {"phase": "Healthy"}


def beside(reconcile) -> Story:
    return Story(reconcile, dry_run=True, shadow=Shadow(15.0))


def told(story: Story) -> list[tuple[str, str]]:
    return [(note.reason, note.message) for turn in story.turns for note in turn.notes]


def test_what_the_other_one_writes_in_its_time_is_no_difference():
    story = beside(wanting(**DONE)).listed((WEB, web("7")))
    story.turn()
    story.later(10).told(WEB, web("8", status=DONE)).turn()
    story.later(60).turn()

    assert told(story) == []


def test_a_difference_that_lasts_is_told_once_and_so_is_its_end():
    story = beside(wanting(**DONE)).listed((WEB, web("7")))
    wake = story.turn().wake

    assert wake is not None
    assert wake.since(story.now) == 15.0

    for _ in range(3):
        story.later(15).turn()
    assert told(story) == [("ShadowDiffers", f"would write status of {WEB}: phase")]
    assert story.machine.shadow.counts == {"deeds": 0, "reports": 1}

    story.told(WEB, web("8", status=DONE)).turn()
    assert told(story)[-1][0] == "ShadowAgrees"
    assert story.machine.shadow.counts == {"deeds": 0, "reports": 0}


def test_a_deed_is_told_with_its_fields_and_as_a_warning():
    route = an_object(ROUTE, "5", owner="uid-web")
    body = {"metadata": {"annotations": {"weight": "20"}}}
    story = beside(lambda seen, now: Plan(actions=(a_patch(ROUTE, route, body),))).listed((WEB, web("7")))
    story.turn()
    story.later(15).turn()
    (note,) = story.turns[-1].notes

    assert note.severity == "Warning"
    assert note.message == f"would patch {ROUTE} metadata.annotations.weight='20'"
    assert story.machine.shadow.counts == {"deeds": 1, "reports": 0}


def test_another_difference_has_its_own_time():
    story = beside(lambda seen, now: Plan(status=report(seen, **{seen["spec"]: 1}))).listed((WEB, web("7", spec="a")))
    story.turn()
    story.later(14).told(WEB, web("8", spec="b")).turn()
    story.later(14).turn()
    assert told(story) == []

    story.later(1).turn()
    assert told(story) == [("ShadowDiffers", f"would write status of {WEB}: b")]


def test_a_shadow_sends_nothing():
    story = beside(wanting(**DONE)).listed((WEB, web("7")))
    story.turn()
    story.later(60).turn()

    assert all(not turn.requests and not turn.asks for turn in story.turns)
