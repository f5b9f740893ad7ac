"""What a scrape says of the objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rollouts.shell import figures
from rollouts.shell.figures import Figure
from rollouts.shell.metrics import LABEL_CHARACTERS_MAX, SERIES_MAX, bounded

WHO = {"namespace": "shop", "name": "web"}
META = {"metadata": {"namespace": "shop", "name": "web"}}


def a_rollout(**status: Any) -> dict[str, Any]:
    canary = {"steps": [{"setWeight": 20}, {"pause": {}}], "trafficRouting": {"nginx": {"stableIngress": "web"}}}
    return {**META, "spec": {"replicas": 4, "strategy": {"canary": canary}}, "status": status}


def rows(told: Iterator[Figure], name: str) -> list[tuple[dict[str, str], float]]:
    return list(next(figure.rows for figure in told if figure.name == name))


ROLLOUT = a_rollout(
    phase="Paused",
    availableReplicas=3,
    updatedReplicas=1,
    currentStepIndex=1,
    canary={"weights": {"canary": {"weight": 20}, "stable": {"weight": 80}}},
    duration={"completionStatus": "Promoted", "finishedAt": "2026-03-01T10:00:00Z"},
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rollout_info", [({**WHO, "strategy": "canary", "traffic_router": "nginx", "phase": "Paused"}, 1)]),
        ("rollout_info_replicas_desired", [(WHO, 4)]),
        ("rollout_info_replicas_available", [(WHO, 3)]),
        ("rollout_info_replicas_unavailable", [(WHO, 1)]),
        ("rollout_info_replicas_updated", [(WHO, 1)]),
        ("rollout_traffic_weight", [({**WHO, "role": "canary"}, 20), ({**WHO, "role": "stable"}, 80)]),
        ("rollout_step_index", [(WHO, 1)]),
        ("rollout_steps", [(WHO, 2)]),
        ("rollout_last_success_timestamp", [(WHO, 1772359200)]),
    ],
)
def test_a_rollout_is_told_in_figures(name: str, expected: list[tuple[dict[str, str], float]]) -> None:
    assert rows(figures.of_rollouts([ROLLOUT]), name) == expected


def test_a_phase_is_one_series_a_phase_of_which_one_is_true() -> None:
    told = {labels["phase"]: value for labels, value in rows(figures.of_rollouts([ROLLOUT]), "rollout_phase")}

    assert told == {"Healthy": 0, "Progressing": 0, "Paused": 1, "Degraded": 0}


def a_run(value: str) -> dict[str, Any]:
    provider = {"prometheus": {"query": "up"}}
    result = {"name": "errors", "phase": "Failed", "measurements": [{"value": "[0.1]"}, {"value": value}]}
    return {
        **META,
        "spec": {"metrics": [{"name": "errors", "provider": provider}]},
        "status": {"phase": "Failed", "metricResults": [result]},
    }


@pytest.mark.parametrize(("text", "value"), [("[0.25]", 0.25), ("7", 7.0), ("[1,2]", None), ("", None)])
def test_the_latest_value_is_told_where_it_is_one_number(text: str, value: float | None) -> None:
    told = rows(figures.of_runs([a_run(text)]), "analysis_measurement_value")

    assert told == ([] if value is None else [({**WHO, "metric": "errors"}, value)])


def test_a_run_tells_its_metrics_by_provider_and_verdict() -> None:
    run = a_run("7")

    assert rows(figures.of_runs([run]), "analysis_run_metric_type") == [
        ({**WHO, "metric": "errors", "type": "prometheus"}, 1)
    ]
    assert rows(figures.of_runs([run]), "analysis_run_metric_phase") == [
        ({**WHO, "metric": "errors", "phase": "Failed"}, 1)
    ]


@pytest.mark.parametrize("odd", [{}, {"spec": None, "status": None}, {"spec": {"strategy": 7}, "status": "?"}])
def test_an_object_that_is_hardly_one_breaks_no_scrape(odd: dict[str, Any]) -> None:
    for figures_of in (figures.of_rollouts, figures.of_runs, figures.of_templates, figures.of_experiments):
        assert [figure.name for figure in figures_of([{**META, **odd}])]


def test_a_million_names_make_no_million_series() -> None:
    told = bounded([({**WHO, "metric": f"m{number}"}, 1.0) for number in range(SERIES_MAX + 1)])

    assert len(told) == SERIES_MAX


def test_a_label_is_no_longer_than_a_name_and_no_series_comes_twice() -> None:
    long = "x" * 10_000
    told = bounded([({"metric": long + "a"}, 1.0), ({"metric": long + "b"}, 2.0), ({"metric": "y"}, 3.0)])

    assert told == [({"metric": "x" * LABEL_CHARACTERS_MAX}, 1.0), ({"metric": "y"}, 3.0)]
