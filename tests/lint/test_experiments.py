"""What lint and the admission webhook say of Experiments."""

from __future__ import annotations

import yaml

from rollouts.cli.lint import Source, lint
from rollouts.shell.admission import verdict
from tests.experiments.world import a_set, an_experiment


def test_a_good_experiment_has_no_findings() -> None:
    manifest = an_experiment(duration="5m")

    assert lint([Source("a.yaml", yaml.safe_dump(manifest))]) == ()
    assert verdict(manifest).errors == ()


def test_two_sets_of_one_name_are_found_before_they_are_applied() -> None:
    manifest = an_experiment(a_set("one"), a_set("one"))
    (finding,) = lint([Source("a.yaml", yaml.safe_dump(manifest))])

    assert finding.reason == "NameRepeated"
    assert [each.reason for each in verdict(manifest).errors] == ["NameRepeated"]
