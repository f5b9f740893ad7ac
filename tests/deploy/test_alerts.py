"""The alerts that are shipped: each can be computed, is about figures that are served, and wakes whom it should."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rollouts.devplane.promeval import evaluate
from rollouts.devplane.promql import parse
from rollouts.kube.kinds import APPLICATION
from rollouts.kube.ref import Ref
from rollouts.shell.appfigures import AppFigures
from rollouts.shell.cache import Change
from tests.plane.leftout import leave_out

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "alerts" / "rules.yaml"
GROUPS = yaml.safe_load(FILE.read_text())["spec"]["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
NAME = re.compile(r"\b((?:argocd|rollouts?|analysis_run|experiment|controller)_[a-z0-9_]+)\b")


class Scrapes:
    """What a Prometheus holds that scraped the sync core every half minute."""

    def __init__(self) -> None:
        self._series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}

    def take(self, registry: CollectorRegistry, at_s: float) -> None:
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                labels = tuple(sorted({"__name__": sample.name, **sample.labels}.items()))
                self._series.setdefault(labels, []).append((at_s, sample.value))

    def select(self, test: Callable[[Mapping[str, str]], bool], name: str | None) -> Iterable[Any]:
        for labels, samples in self._series.items():
            if test(dict(labels)):
                yield labels, tuple(zip(*samples, strict=True))


def app(
    sync: str = "Synced", health: str = "Healthy", phase: str = "", *conditions: str, automated: bool = True
) -> Any:
    state = {"phase": phase, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "x"}
    status = {
        "sync": {"status": sync},
        "health": {"status": health},
        "conditions": [{"type": each, "message": "so it is"} for each in conditions],
        **({"operationState": state} if phase else {}),
    }
    spec = {"syncPolicy": {"automated": {}}} if automated else {}
    return {"metadata": {"name": "web", "namespace": "argocd", "uid": "1"}, "spec": spec, "status": status}


def fires(alert: str, *states: Any, git_fails: int = 0) -> bool:
    """Whether an alert's expression holds after an Application went through these states."""
    registry = CollectorRegistry()
    figures = AppFigures(registry, lambda: [states[-1]])
    scrapes = Scrapes()
    at_s = 1000.0
    figures.git("https://git.test/web", "ls-remote", 0.1, ok=True)
    for before, after in zip((None, *states), states, strict=False):
        figures.see(Change(Ref(APPLICATION, "argocd", "web"), before, after))
        scrapes.take(registry, at_s)
        scrapes.take(registry, at_s + 30)
        at_s += 60
    for _ in range(git_fails):
        figures.git("https://git.test/web", "ls-remote", 0.1, ok=False)
    scrapes.take(registry, at_s)
    return bool(evaluate(parse(ALERTS[alert]["expr"]), scrapes, at_s))


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_can_be_read_and_is_about_figures_that_exist(alert: str) -> None:
    parse(ALERTS[alert]["expr"])
    registry = CollectorRegistry()
    figures = AppFigures(registry, lambda: [app("Synced", "Healthy", "Failed", "SyncError")])
    figures.git("https://git.test/web", "fetch", 0.1, ok=False)
    served = (ROOT / "docs" / "reference" / "metrics.md").read_text() + generate_latest(registry).decode()

    assert [name for name in NAME.findall(ALERTS[alert]["expr"]) if name.removesuffix("_total") not in served] == []


def test_promtool_takes_the_rules(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if not shutil.which("promtool"):
        leave_out(pytestconfig, "promtool", "not on the PATH")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": GROUPS}))

    words = ["promtool", "check", "rules", tmp_path / "rules.yaml"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("alert", "states"),
    [
        ("ApplicationOutOfSync", [app("OutOfSync")]),
        ("ApplicationNotCompared", [app("Unknown")]),
        ("ApplicationUnhealthy", [app(health="Degraded")]),
        ("ApplicationUnhealthy", [app(health="Missing")]),
        ("ApplicationStuck", [app(health="Progressing")]),
        ("ApplicationWaitsForSomebody", [app(health="Suspended")]),
        ("ApplicationSyncFailed", [app(phase=""), app(phase="Running"), app(phase="Failed")]),
        ("ApplicationSyncFailed", [app(phase=""), app(phase="Running"), app(phase="Error")]),
        ("ApplicationCannotSync", [app("Synced", "Healthy", "", "ComparisonError")]),
        ("ApplicationShared", [app("Synced", "Healthy", "", "SharedResourceWarning")]),
    ],
)
def test_an_alert_wakes_somebody(alert: str, states: list[Any]) -> None:
    assert fires(alert, *states)


@pytest.mark.parametrize(
    ("alert", "states"),
    [
        ("ApplicationOutOfSync", [app("OutOfSync", automated=False)]),
        ("ApplicationUnhealthy", [app(health="Suspended")]),
        ("ApplicationUnhealthy", [app(health="Progressing")]),
        ("ApplicationUnhealthy", [app("OutOfSync", "Missing", automated=False)]),
        ("ApplicationSyncFailed", [app(phase=""), app(phase="Running"), app(phase="Succeeded")]),
        ("ApplicationCannotSync", [app("Synced", "Healthy", "", "OrphanedResourceWarning")]),
        ("GitDoesNotAnswer", [app()]),
    ],
)
def test_what_is_nothing_bad_wakes_nobody(alert: str, states: list[Any]) -> None:
    assert not fires(alert, *states)


def test_git_that_does_not_answer_wakes_somebody() -> None:
    assert fires("GitDoesNotAnswer", app(), git_fails=9)
