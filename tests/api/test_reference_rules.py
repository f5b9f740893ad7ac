"""What the objects that a Rollout names must be, told as the condition tells it."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.api.parse import parse_rollout
from rollouts.core.errors import Refusal
from rollouts.delivery.reference_rules import References, ingresses_named, services_named, template_keys
from rollouts.delivery.rules import condition_message, refusals
from tests.api.cases import changed, with_step

STABLE, CANARY = "spec.strategy.canary.stableService", "spec.strategy.canary.canaryService"
INGRESS = "spec.strategy.canary.trafficRouting.nginx.stableIngress"
STEP = "spec.strategy.canary.steps[0].analysis.templates"
BACKGROUND = "spec.strategy.canary.analysis.templates"


def a_service(selector: Any = None, managed_by: str = "", **spec: Any) -> dict[str, Any]:
    annotations = {"argo-rollouts.argoproj.io/managed-by-rollouts": managed_by} if managed_by else {}
    labels = {"app": "web"} if selector is None else selector
    return {"kind": "Service", "metadata": {"annotations": annotations}, "spec": {"selector": labels, **spec}}


def an_ingress(backend: str = "web-stable", class_name: str = "nginx", **annotations: str) -> dict[str, Any]:
    path = {"path": "/", "backend": {"service": {"name": backend, "port": {"number": 80}}}}
    return {
        "kind": "Ingress",
        "metadata": {"annotations": {key.replace("__", "/"): value for key, value in annotations.items()}},
        "spec": {"ingressClassName": class_name, "rules": [{"host": "a"}, {"http": {"paths": [path]}}]},
    }


def a_metric(**fields: Any) -> dict[str, Any]:
    return {"name": "errors", "provider": {"prometheus": {"query": "up"}}, **fields}


def a_template(*metrics: Any, **spec: Any) -> dict[str, Any]:
    return {"kind": "AnalysisTemplate", "spec": {"metrics": list(metrics), **spec}}


def nesting(*names: str) -> dict[str, Any]:
    return {"spec": {"templates": [{"templateName": name} for name in names]}}


def judged(manifest: dict[str, Any], **found: Any) -> tuple[Refusal, ...]:
    parsed = parse_rollout(manifest)
    assert parsed.spec is not None
    found.setdefault("services", {"web-stable": a_service(), "web-canary": a_service()})
    found.setdefault("ingresses", {"web": an_ingress()})
    return refusals(parsed, References("web", parsed.spec, **found))


def told(manifest: dict[str, Any], **found: Any) -> list[str]:
    prefix = 'The Rollout "web" is invalid: '
    return [condition_message("web", each).removeprefix(prefix) for each in judged(manifest, **found)]


def inline(*names: str, **analysis: Any) -> dict[str, Any]:
    return with_step({"analysis": {"templates": [{"templateName": name} for name in names], **analysis}})


def background(*names: str, **analysis: Any) -> dict[str, Any]:
    return changed(canary__analysis={"templates": [{"templateName": name} for name in names], **analysis})


def test_a_rollout_whose_references_fit_is_not_refused() -> None:
    assert judged(changed()) == ()


def test_the_names_that_a_spec_needs_are_listed_for_whoever_gathers_them() -> None:
    parsed = parse_rollout(inline("a", "b", "a"))

    assert parsed.spec is not None
    assert services_named(parsed.spec) == {
        "canary.stableService": "web-stable",
        "canary.canaryService": "web-canary",
    }
    assert ingresses_named(parsed.spec) == ("web",)
    assert template_keys(parsed.spec) == ((False, "a"), (False, "b"))


@pytest.mark.parametrize(
    ("case", "service", "message"),
    [
        ("not there", None, f'{STABLE}: Invalid value: "web-stable": service "web-stable" not found'),
        ("selects another app", a_service({"app": "shop"}),
         f'{STABLE}: Invalid value: "web-stable": Service "web-stable" has unmatch label "app" in rollout'),
        ("selects by a label that the pods lack", a_service({"app": "web", "tier": "x"}),
         f'{STABLE}: Invalid value: "web-stable": Service "web-stable" has unmatch label "tier" in rollout'),
        ("managed by another", a_service(managed_by="shop"),
         f'{STABLE}: Invalid value: "web-stable": Service "web-stable" is managed by another Rollout'),
        ("ExternalName", a_service(type="ExternalName"),
         f'{STABLE}: Invalid value: "web-stable": Service "web-stable" is of type ExternalName and selects no pods'),
        ("headless", a_service(clusterIP="None"),
         f'{STABLE}: Invalid value: "web-stable": Service "web-stable" is headless: '
         "clients would keep the pods that they resolved"),
        ("without a selector", a_service({}),
         f'{STABLE}: Invalid value: "web-stable": Service "web-stable" has no selector'),
    ],
)  # fmt: skip
def test_a_service_that_cannot_be_switched_is_refused(case: str, service: Any, message: str) -> None:
    assert told(changed(), services={"web-stable": service, "web-canary": a_service()}) == [message]


def test_a_service_with_our_own_hash_and_name_is_fine() -> None:
    mine = a_service({"app": "web", "rollouts-pod-template-hash": "abc"}, managed_by="web")

    assert judged(changed(), services={"web-stable": mine, "web-canary": mine}) == ()


def test_a_service_that_another_rollout_names_is_refused_and_the_other_one_told() -> None:
    refused = judged(changed(), other_users={"web-canary": "shop"})

    assert [(each.reason, each.at) for each in refused] == [("ServiceTaken", CANARY)]
    assert "shop" in refused[0].fix


@pytest.mark.parametrize(
    ("case", "ingress", "message"),
    [
        ("not there", None, f'{INGRESS}: Invalid value: "web": ingress.networking.k8s.io "web" not found'),
        ("without a rule for the stable Service", an_ingress("shop"),
         f'{INGRESS}: Invalid value: "web": ingress `web` has no rules using service web-stable backend'),
        ("a canary itself", an_ingress(**{"nginx.ingress.kubernetes.io__canary": "true"}),
         f'{INGRESS}: Invalid value: "web": ingress `web` is itself a canary Ingress'),
        ("of another class", an_ingress(class_name="alb"),
         f'{INGRESS}: Invalid value: "web": ingress `web` is of class alb, whose controller ingress.k8s.aws/alb '
         "reads no canary annotations"),
    ],
)  # fmt: skip
def test_an_ingress_that_cannot_share_traffic_is_refused(case: str, ingress: Any, message: str) -> None:
    controllers = {"nginx": "k8s.io/ingress-nginx", "alb": "ingress.k8s.aws/alb"}

    assert told(changed(), ingresses={"web": ingress}, controllers=controllers) == [message]


def test_each_of_several_ingresses_is_looked_at() -> None:
    manifest = changed(canary__trafficRouting={"nginx": {"stableIngresses": ["a", "b"]}})

    assert told(manifest, ingresses={"a": an_ingress(), "b": an_ingress("shop")}) == [
        f'{INGRESS}es: Invalid value: "b": ingress `b` has no rules using service web-stable backend'
    ]


@pytest.mark.parametrize(
    ("case", "manifest", "templates", "message"),
    [
        ("a template that is not there", inline("a"), {},
         f"{STEP}: Invalid value: \"a\": AnalysisTemplate 'a' not found"),
        ("a cluster template that is not there",
         with_step({"analysis": {"templates": [{"templateName": "a", "clusterScope": True}]}}), {},
         f"{STEP}: Invalid value: \"a\": ClusterAnalysisTemplate 'a' not found"),
        ("a nested template that is not there", background("a"), {"a": nesting("b")},
         f"{BACKGROUND}: Invalid value: \"a\": AnalysisTemplate 'b' not found"),
        ("a circle", inline("a"), {"a": nesting("b"), "b": nesting("a")},
         f"{STEP}: Invalid value: \"a\": AnalysisTemplate 'a' nests itself: a -> b -> a"),
        ("nested too deep", inline("t0"), {f"t{n}": nesting(f"t{n + 1}") for n in range(20)},
         f'{STEP}: Invalid value: "t0": templates nest deeper than 10: {" -> ".join(f"t{n}" for n in range(12))}'),
        ("endless in a step", inline("a"), {"a": a_template(a_metric(interval="10s"))},
         f'{STEP}: Invalid value: "a": AnalysisTemplate a has metric errors which runs indefinitely. '
         "Invalid value for count: <nil>"),
        ("endless by an argument", inline("a", args=[{"name": "n", "value": "0"}]),
         {"a": a_template(a_metric(interval="10s", count="{{args.n}}"), args=[{"name": "n"}])},
         f'{STEP}: Invalid value: "a": AnalysisTemplate a has metric errors which runs indefinitely. '
         "Invalid value for count: 0"),
        ("an argument without a value", inline("a"), {"a": a_template(a_metric(), args=[{"name": "host"}])},
         f'{STEP}: Invalid value: "templateNames: [a]": args.host was not resolved'),
        ("an argument without a value in the background", background("a"),
         {"a": a_template(a_metric(), args=[{"name": "host"}])},
         f'{BACKGROUND}: Invalid value: "templateNames: [a]": args.host was not resolved'),
        ("a tag that names no argument", inline("a"),
         {"a": a_template(a_metric(successCondition="result[0] < {{args.x}}"))},
         f'{STEP}: Invalid value: "templateNames: [a]": failed to resolve {{{{args.x}}}}'),
        ("two values for one argument", inline("a", "b"),
         {"a": a_template(a_metric(), args=[{"name": "x", "value": "1"}]),
          "b": a_template(a_metric(name="b"), args=[{"name": "x", "value": "2"}])},
         f'{STEP}: Invalid value: "templateNames: [a b]": '
         "Argument `x` specified multiple times with different values"),
        ("no metrics", inline("a"), {"a": a_template()},
         f'{STEP}: Invalid value: "templateNames: [a]": no metrics specified'),
        ("two metrics of one name", inline("a", "b"), {"a": a_template(a_metric()), "b": a_template(a_metric())},
         f"{STEP}: Invalid value: \"templateNames: [a b]\": two metrics have the same name 'errors'"),
        ("no provider", inline("a"), {"a": a_template({"name": "m"})},
         f'{STEP}: Invalid value: "templateNames: [a]": metrics[0]: no provider specified'),
        ("count without an interval", inline("a"), {"a": a_template(a_metric(count=2))},
         f'{STEP}: Invalid value: "templateNames: [a]": metrics[0]: interval must be specified when count > 1'),
        ("101 metrics", inline("a"), {"a": a_template(*(a_metric(name=f"m{n}") for n in range(101)))},
         f"{STEP}: Too many: 101: must have at most 100 metrics"),
    ],
)  # fmt: skip
def test_an_analysis_that_could_not_work_is_refused_before_the_canary_starts(
    case: str, manifest: dict[str, Any], templates: dict[str, Any], message: str
) -> None:
    known = {(False, name): {"metadata": {"name": name}, **template} for name, template in templates.items()}

    assert told(manifest, templates=known) == [message]


def test_an_endless_metric_may_run_in_the_background() -> None:
    templates = {(False, "a"): a_template(a_metric(interval="10s"))}

    assert judged(background("a"), templates=templates) == ()


def test_an_argument_that_is_known_only_later_counts_as_given() -> None:
    args = [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]
    templates = {(False, "a"): a_template(a_metric(), args=[{"name": "hash"}])}

    assert judged(inline("a", args=args), templates=templates) == ()


def test_a_secret_of_the_template_counts_as_given() -> None:
    secret = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    templates = {(False, "a"): a_template(a_metric(successCondition="result[0] > 1"), args=[secret])}

    assert judged(inline("a"), templates=templates) == ()


def test_what_is_missing_is_told_before_what_does_not_fit() -> None:
    refused = judged(inline("a"), services={"web-stable": a_service({"app": "shop"}), "web-canary": None}, ingresses={})

    reasons = ["ServiceNotFound", "TemplateNotFound", "IngressNotFound", "ServiceSelectorMismatch"]
    assert [each.reason for each in refused] == reasons


def test_references_are_not_looked_at_while_the_spec_is_wrong() -> None:
    assert [each.reason for each in judged(changed(replicas=-1), services={}, ingresses={})] == ["Negative"]
