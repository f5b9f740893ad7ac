"""Conditions: times move only on flips."""

from __future__ import annotations

import pytest

from rollouts.kit.instant import Instant
from rollouts.kube.conditions import Condition, find, merge, observed_generation
from rollouts.kube.selector import text

EARLY, LATE = Instant.of(1000.25), Instant.of(2000.5)
READY = Condition("Ready", "True", "AllThere", "all pods are there")


def test_an_unchanged_condition_keeps_its_times():
    before = merge((), [READY], EARLY)

    assert merge(before, [READY], LATE) == before


def test_a_new_reason_moves_the_update_but_not_the_transition():
    before = merge((), [READY], EARLY)

    after = merge(before, [Condition("Ready", "True", "Enough", "")], LATE)

    assert after[0]["lastTransitionTime"] == EARLY.rfc3339_whole()
    assert after[0]["lastUpdateTime"] == LATE.rfc3339()


def test_a_flip_moves_the_transition():
    before = merge((), [READY], EARLY)

    after = merge(before, [Condition("Ready", "False", "Missing", "")], LATE)

    assert after[0]["lastTransitionTime"] == LATE.rfc3339_whole()


def test_a_generation_comes_and_goes_without_moving_a_time():
    before = merge((), [READY], EARLY)
    told = [{**before[0], "observedGeneration": 7}]

    assert merge(before, [READY], LATE, generation=7) == told
    assert merge(told, [READY], LATE) == before


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"observedGeneration": "7"}, 7),
        ({"observedGeneration": 7}, 7),
        ({"conditions": [{"type": "Ready"}, {"type": "Stalled", "observedGeneration": 7}]}, 7),
        ({"observedGeneration": "8", "conditions": [{"type": "Ready", "observedGeneration": 7}]}, 8),
        ({"observedGeneration": "many"}, None),
        ({"conditions": "many"}, None),
        ({"conditions": [7, {"type": "Ready"}]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_generation_of_a_status_is_found_wherever_it_was_written(status, expected):
    assert observed_generation(status) == expected


def test_a_list_that_somebody_edited_into_something_else_reads_as_empty():
    assert find("garbage", "Ready") == find([1, {"type": 2}], "Ready") == {}


def test_a_selector_reads_as_kubectl_prints_it():
    selector = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["y", "x"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }

    assert text(selector) == "a=1,b=2,!old,tier in (x,y)"
