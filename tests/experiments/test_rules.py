"""What an Experiment may not say."""

from __future__ import annotations

import pytest

from rollouts.api.parse import parse_experiment
from rollouts.experiments import judge
from tests.experiments.world import a_set, an_experiment

ROWS = [
    ("no template at all", {"templates": []}, "MissingField"),
    ("a set without pods", {"templates": [a_set("a", template=None)]}, "MissingField"),
    ("a set without selector", {"templates": [a_set("a", selector=None)]}, "MissingField"),
    ("a selector of everything", {"templates": [a_set("a", selector={})]}, "SelectsAll"),
    (
        "a selector of others",
        {"templates": [a_set("a", selector={"matchLabels": {"app": "other"}})]},
        "SelectorMismatch",
    ),
    ("two sets of one name", {"templates": [a_set("a"), a_set("a")]}, "NameRepeated"),
    ("a set without name", {"templates": [a_set("")]}, "NameEmpty"),
    ("fewer pods than none", {"templates": [a_set("a", replicas=-1)]}, "Negative"),
    ("ready later than late", {"templates": [a_set("a", minReadySeconds=601)]}, "MinReadyTooLong"),
    ("eleven sets", {"templates": [a_set(f"s{number}") for number in range(11)]}, "TooMany"),
    ("a duration of words", {"duration": "a while"}, "DurationInvalid"),
    ("a duration before now", {"duration": "-5m"}, "DurationInvalid"),
    ("a delay before now", {"scaleDownDelaySeconds": -1}, "Negative"),
    ("an analysis of nothing", {"analyses": [{"name": "a"}]}, "MissingField"),
    ("two analyses of one name", {"analyses": [{"name": "a", "templateName": "t"}] * 2}, "NameRepeated"),
]


@pytest.mark.parametrize(("story", "fields", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_wrong_is_told(story, fields, reason):
    manifest = an_experiment(a_set("baseline"))
    manifest["spec"].update(fields)
    spec = parse_experiment(manifest).spec
    assert spec is not None

    assert reason in [each.reason for each in judge("trial", spec)]


def test_an_experiment_as_users_write_it_is_right():
    manifest = an_experiment(duration="5m", progressDeadlineSeconds=30)
    spec = parse_experiment(manifest).spec
    assert spec is not None

    assert list(judge("trial", spec)) == []
