"""The pages on our kinds: every field in its place, every refusal told, every example right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from analysis.check import PROVIDERS, PROVIDERS_SERVED
from rollouts.api import analysis, application, appstatus, experiment, project, providers, rollout, routing
from rollouts.api.common import aliases
from rollouts.cli.lint import Source, lint
from rollouts.core.chain import Chain
from rollouts.delivery.phase import TRANSITIONS, Phase
from rollouts.delivery.rules import REFERENCE_RULES, SPEC_RULES

SPEC = Path(__file__).parents[2] / "docs" / "spec"
TESTS = Path(__file__).parents[1]
ROLLOUT, BLUE_GREEN, WORKLOAD = SPEC / "rollout.md", SPEC / "blue-green.md", SPEC / "workload.md"
ANALYSIS = SPEC / "analysis.md"
ROUTERS = SPEC.parent / "reference" / "routers.md"
COMPARISON = SPEC / "comparison.md"
EXPERIMENT = SPEC / "experiment.md"
APPLICATION, PROJECT = SPEC / "application.md", SPEC / "appproject.md"
PAGES = (ROLLOUT, BLUE_GREEN, WORKLOAD, ANALYSIS, COMPARISON, EXPERIMENT, APPLICATION, PROJECT)
CANARY = "spec.strategy.canary"
PROMETHEUS = "spec.metrics[].provider.prometheus"

SECTIONS: tuple[tuple[Path, str, type[BaseModel], frozenset[str]], ...] = (
    (ROLLOUT, "`spec`", rollout.RolloutSpec, frozenset()),
    (ROLLOUT, "`spec.failFast`", rollout.FailFast, frozenset()),
    (ROLLOUT, "`spec.strategy`", rollout.Strategy, frozenset()),
    (ROLLOUT, f"`{CANARY}`", rollout.CanaryStrategy, frozenset()),
    (ROLLOUT, f"`{CANARY}.steps[]`", rollout.CanaryStep, frozenset()),
    (ROLLOUT, f"`{CANARY}.steps[].pause`", rollout.Pause, frozenset()),
    (ROLLOUT, f"`{CANARY}.steps[].setCanaryScale`", rollout.SetCanaryScale, frozenset()),
    (ROLLOUT, f"`{CANARY}.steps[].analysis`", rollout.RolloutAnalysis, frozenset()),
    (ROLLOUT, f"`{CANARY}.analysis`", rollout.BackgroundAnalysis, frozenset(aliases(rollout.RolloutAnalysis))),
    (ROLLOUT, f"`{CANARY}.steps[].analysis.args[].valueFrom`", rollout.ArgumentSource, frozenset()),
    (ROLLOUT, f"`{CANARY}.trafficRouting`", routing.TrafficRouting, frozenset()),
    (ROLLOUT, f"`{CANARY}.trafficRouting.nginx`", routing.NginxRouting, frozenset()),
    (ROUTERS, "`gatewayAPI`", routing.GatewayRouting, frozenset()),
    (ROUTERS, "`argoproj-labs/gatewayAPI`", routing.GatewayPlugin, frozenset(aliases(routing.GatewayRouting))),
    (ROUTERS, "`istio`", routing.IstioRouting, frozenset()),
    (ROUTERS, "`istio.virtualServices[]`", routing.IstioVirtualService, frozenset()),
    (ROUTERS, "`istio.destinationRule`", routing.IstioDestinationRule, frozenset()),
    (ROUTERS, "`traefik`", routing.TraefikRouting, frozenset()),
    (ROUTERS, "`alb`", routing.AlbRouting, frozenset()),
    (ROUTERS, "`apisix`", routing.ApisixRouting, frozenset()),
    (ROUTERS, "`contour`", routing.ContourRouting, frozenset()),
    (ROUTERS, "`haproxy`", routing.HaproxyRouting, frozenset()),
    (ROUTERS, "`ambassador`", routing.AmbassadorRouting, frozenset()),
    (ROUTERS, "`smi`", routing.SmiRouting, frozenset()),
    (ROUTERS, "`appMesh`", routing.AppMeshRouting, frozenset()),
    (ROUTERS, "`setHeaderRoute`", rollout.SetHeaderRoute, frozenset()),
    (ROUTERS, "`setMirrorRoute`", rollout.SetMirrorRoute, frozenset()),
    (ROUTERS, "`pingPong`", rollout.PingPong, frozenset()),
    (ROLLOUT, "`spec.analysis`", rollout.RunHistory, frozenset()),
    (WORKLOAD, "`spec.workloadRef`", rollout.WorkloadRef, frozenset()),
    (BLUE_GREEN, "`spec.strategy.blueGreen`", rollout.BlueGreenStrategy, frozenset()),
    (ANALYSIS, "AnalysisTemplate `spec`", analysis.AnalysisTemplateSpec, frozenset()),
    (ANALYSIS, "AnalysisRun `spec`", analysis.AnalysisRunSpec, frozenset()),
    (ANALYSIS, "`spec.ttlStrategy`", analysis.TtlStrategy, frozenset()),
    (ANALYSIS, "`spec.args[]`", analysis.Argument, frozenset()),
    (ANALYSIS, "`spec.metrics[]`", analysis.Metric, frozenset()),
    (ANALYSIS, "`spec.metrics[].provider`", providers.Provider, frozenset(PROVIDERS) - PROVIDERS_SERVED),
    (ANALYSIS, f"`{PROMETHEUS}`", providers.Prometheus, frozenset()),
    (COMPARISON, "`spec.metrics[].provider.comparison`", providers.Comparison, frozenset()),
    (ANALYSIS, f"`{PROMETHEUS}.authentication`", providers.Authentication, frozenset()),
    (ANALYSIS, f"`{PROMETHEUS}.rangeQuery`", providers.RangeQuery, frozenset()),
    (EXPERIMENT, "`spec`", experiment.ExperimentSpec, frozenset()),
    (EXPERIMENT, "`spec.templates[]`", experiment.TemplateSpec, frozenset()),
    (EXPERIMENT, "`spec.analyses[]`", experiment.ExperimentAnalysis, frozenset()),
    (EXPERIMENT, f"`{CANARY}.steps[].experiment`", rollout.ExperimentStep, frozenset()),
    (EXPERIMENT, f"`{CANARY}.steps[].experiment.templates[]`", rollout.ExperimentTemplate, frozenset()),
    (APPLICATION, "`spec`", application.ApplicationSpec, frozenset()),
    (APPLICATION, "`spec.source`", application.ApplicationSource, frozenset()),
    (APPLICATION, "`spec.source.helm`", application.HelmSource, frozenset()),
    (APPLICATION, "`spec.source.kustomize`", application.KustomizeSource, frozenset()),
    (APPLICATION, "`spec.source.directory`", application.DirectorySource, frozenset()),
    (APPLICATION, "`spec.destination`", application.Destination, frozenset()),
    (APPLICATION, "`spec.syncPolicy`", application.SyncPolicy, frozenset()),
    (APPLICATION, "`spec.syncPolicy.automated`", application.Automated, frozenset()),
    (APPLICATION, "`spec.syncPolicy.retry`", application.Retry, frozenset()),
    (APPLICATION, "`spec.syncPolicy.retry.backoff`", application.Backoff, frozenset()),
    (APPLICATION, "`spec.ignoreDifferences[]`", application.IgnoreDifference, frozenset()),
    (APPLICATION, "`operation`", appstatus.Operation, frozenset()),
    (APPLICATION, "`operation.sync`", appstatus.SyncOperation, frozenset()),
    (APPLICATION, "`status`", appstatus.ApplicationStatus, frozenset()),
    (APPLICATION, "`status.operationState`", appstatus.OperationState, frozenset()),
    (APPLICATION, "`status.resources[]`", appstatus.ResourceStatus, frozenset()),
    (PROJECT, "`spec`", project.AppProjectSpec, frozenset()),
    (PROJECT, "`spec.syncWindows[]`", project.SyncWindow, frozenset()),
    (PROJECT, "`spec.roles[]`", project.ProjectRole, frozenset()),
    (PROJECT, "`spec.orphanedResources`", project.OrphanedResources, frozenset()),
    (PROJECT, "`spec.clusterResourceWhitelist[]`", project.GroupKind, frozenset()),
)
"""Page, heading, the model whose fields stand below it, and those of them that stand elsewhere."""


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one."""
    _, found, after = page.read_text().partition(f"# {heading}\n")
    assert found, f"{page.name} has no heading {heading}"
    return re.split(r"^#", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[tuple[str, ...]]:
    """The rows of the tables in a text, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]
    return [row for before, row in zip([(), *cells], cells, strict=False) if before and not row[0].startswith("---")]


@pytest.mark.parametrize(("page", "heading", "model", "elsewhere"), SECTIONS, ids=lambda value: str(value)[-60:])
def test_every_field_that_works_has_its_row_and_no_other_has(
    page: Path, heading: str, model: type[BaseModel], elsewhere: frozenset[str]
) -> None:
    told = [row[0].strip("`") for row in rows(section(page, heading))]

    assert sorted(told) == sorted(set(aliases(model)) - elsewhere)


def test_every_provider_of_the_api_is_served() -> None:
    assert set(PROVIDERS) == set(PROVIDERS_SERVED)


def test_the_turns_are_those_of_the_table() -> None:
    def names(phases: frozenset[Phase]) -> str:
        return "any" if phases == frozenset(Phase) else ", ".join(each.value for each in Phase if each in phases)

    expected = [(event.value, names(before), names(after)) for event, (before, after) in TRANSITIONS.items()]

    assert rows(section(ROLLOUT, "Every turn an update may take")) == expected


@pytest.mark.parametrize("chain", [SPEC_RULES, REFERENCE_RULES], ids=["spec", "references"])
def test_every_rule_is_told_in_its_order(chain: Chain[object]) -> None:
    lines = section(ROLLOUT, "What a spec is checked for").splitlines()
    expected = [f"- {line}" for line in str(chain).splitlines()]

    assert [line for line in lines if line in expected] == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_have_nothing_that_lint_would_mend(page: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    sources = [Source(f"{page.name}[{index}]", block) for index, block in enumerate(blocks)]

    assert blocks
    assert lint(sources) == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_source_line_holds_one_sentence(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "#", "-"))]

    assert [line for line in lines if re.search(r"[a-z`)]\. [A-Z]", line)] == []


def test_every_folder_of_tests_says_what_belongs_there() -> None:
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    told = set(re.findall(r"`([a-z_]+)`", " ".join(row[1] for row in rows((TESTS / "README.md").read_text()))))

    assert sorted(folders - told - {"plane"}) == []
