"""The contract's texts for a spec that cannot be carried out, each as the condition InvalidSpec tells it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from rollouts.delivery.rules import check, condition_message
from tests.api.cases import ABSENT, GOOD, changed, with_step

SAME = "This rollout uses the same service for the {} and {} services, but two different services are required."
ONE_OF = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"
NONE_SET = (
    '"step.Experiment: true step.Pause: true step.SetWeight: true step.Analysis: true step.SetCanaryScale: true '
    'step.SetHeaderRoute: true step.SetMirrorRoutes: true step.Plugin: true"'
)
NO_SERVICES = "Canary service and Stable service must to be set to use Traffic Routing"
NEITHER = "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"
PAUSE = "Duration needs to be greater than 0"
SHARE = "must be a whole number of pods, or a percentage such as 25%"
MANY_ARGS = [{"name": f"a{n}", "value": "x"} for n in range(201)]
ANALYSIS_AT = "spec.strategy.canary.steps[0].analysis"


def a_pause(duration: Any) -> dict[str, Any]:
    return with_step({"pause": {"duration": duration}})


def told(manifest: dict[str, Any]) -> str:
    refused = check(manifest).refusals
    assert refused, "nothing was refused"
    message = condition_message("web", refused[0])
    assert message.startswith('The Rollout "web" is invalid: ')
    return message.removeprefix('The Rollout "web" is invalid: ')


def test_a_good_rollout_is_not_refused() -> None:
    assert check(GOOD).refusals == ()


@pytest.mark.parametrize(
    ("case", "manifest", "message"),
    [
        ("neither strategy", changed(strategy={}), f"spec.strategy: Required value: {NEITHER}"),
        ("no strategy field", changed(strategy=ABSENT), f"spec.strategy: Required value: {NEITHER}"),
        ("both strategies", changed(strategy__blueGreen={"activeService": "a"}),
         'spec.strategy: Invalid value: "blueGreen: true canary: true": Multiple Strategies can not be listed'),
        ("selector empty", changed(selector={}),
         "spec.selector: Invalid value: {}: empty selector is invalid for deployment"),
        ("selector missing", changed(selector=ABSENT),
         "spec.selector: Required value: Rollout has missing field '.spec.selector'"),
        ("selector not matching", changed(selector__matchLabels={"app": "shop"}),
         'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'),
        ("selector with a bad operator",
         changed(selector={"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "a", "operator": "Is"}]}),
         'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator'),
        ("replicas -1", changed(replicas=-1),
         "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ("replicas beyond 32 bits", changed(replicas=2**31),
         "spec.replicas: Invalid value: 2147483648: is above the range of the field"),
        ("replicas with a point", changed(replicas=3.0), "spec.replicas: Invalid value: 3.0: must be an integer"),
        ("weight between two", with_step({"setWeight": 100.5}),
         "spec.strategy.canary.steps[0].setWeight: Invalid value: 100.5: must be an integer"),
        ("a step that is nothing", with_step(None),
         "spec.strategy.canary.steps[0]: Invalid value: null: must be an object"),
        ("weight -1", with_step({"setWeight": -1}),
         "spec.strategy.steps[0].setWeight: Invalid value: -1: SetWeight needs to be between 0 and 100"),
        ("weight 101", with_step({"setWeight": 101}),
         "spec.strategy.steps[0].setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100"),
        ("weight over maxTrafficWeight",
         with_step({"setWeight": 60}, canary__trafficRouting__maxTrafficWeight=50),
         "spec.strategy.steps[0].setWeight: Invalid value: 60: SetWeight needs to be between 0 and 50"),
        ("empty step", with_step({"setWeight": 5}, {}),
         f"spec.strategy.steps[1]: Invalid value: {NONE_SET}: {ONE_OF}"),
        ("step with two actions", with_step({"setWeight": 5, "pause": {}}),
         'spec.strategy.steps[0]: Invalid value: "step.Experiment: false step.Pause: true step.SetWeight: true '
         f'step.Analysis: false": {ONE_OF}'),
        ("step with two actions that the reference lets pass", with_step({"setWeight": 5, "setCanaryScale": {}}),
         'spec.strategy.steps[0]: Invalid value: "step.Experiment: false step.Pause: false step.SetWeight: true '
         f'step.Analysis: false": {ONE_OF}'),
        ("pause -5m", a_pause("-5m"), f"spec.strategy.steps[0].pause.duration: Invalid value: -300: {PAUSE}"),
        ("pause 5 m", a_pause("5 m"), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause 1d", a_pause("1d"), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause 1e3s", a_pause("1e3s"), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause ٣s", a_pause("٣s"), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause ٣", a_pause("٣"), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause 1_0s", a_pause("1_0s"), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause 9e18h", a_pause("9e18h"), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause empty text", a_pause(""), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause newline after a number", a_pause("5\n"),
         f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause more seconds than fit", a_pause("9999999999"),
         f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("pause -1", a_pause(-1), f"spec.strategy.steps[0].pause.duration: Invalid value: -1: {PAUSE}"),
        ("surge and unavailable 0", changed(canary__maxSurge=0, canary__maxUnavailable=0),
         "spec.strategy.maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero"),
        ("surge and unavailable 0%", changed(canary__maxSurge="0%", canary__maxUnavailable="0"),
         'spec.strategy.maxSurge: Invalid value: "0%": MaxSurge and MaxUnavailable both can not be zero'),
        ("share abc", changed(canary__maxSurge="abc"), f'spec.strategy.maxSurge: Invalid value: "abc": {SHARE}'),
        ("share 150%", changed(canary__maxUnavailable="150%"),
         'spec.strategy.maxUnavailable: Invalid value: "150%": must not be greater than 100%'),
        ("share 25 %", changed(canary__maxSurge="25 %"), f'spec.strategy.maxSurge: Invalid value: "25 %": {SHARE}'),
        ("share -1", changed(canary__maxUnavailable=-1), f"spec.strategy.maxUnavailable: Invalid value: -1: {SHARE}"),
        ("deadline 0", changed(progressDeadlineSeconds=0),
         "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"),
        ("deadline below minReady", changed(progressDeadlineSeconds=30, minReadySeconds=30),
         "spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds"),
        ("the default deadline below minReady", changed(minReadySeconds=600),
         "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"),
        ("deadline negative", changed(progressDeadlineSeconds=-1),
         "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"),
        ("one Service for both", changed(canary__canaryService="web-stable"),
         f'spec.strategy.stableService: Invalid value: "web-stable": {SAME.format("stable", "canary")}'),
        ("one Service for active and preview",
         changed(strategy={"blueGreen": {"activeService": "a", "previewService": "a"}}),
         f'spec.strategy.activeService: Invalid value: "a": {SAME.format("active", "preview")}'),
        ("one Service for ping and pong",
         changed(canary__trafficRouting={"alb": {"servicePort": 80, "ingress": "web", "rootService": "r"}},
                 canary__pingPong={"pingService": "a", "pongService": "a"}),
         f'spec.strategy.pingPong.pingService: Invalid value: "a": {SAME.format("ping", "pong")}'),
        ("no stable Service", changed(canary__stableService=ABSENT),
         f'spec.strategy.stableService: Invalid value: "": {NO_SERVICES}'),
        ("no canary Service", changed(canary__canaryService=ABSENT),
         f'spec.strategy.canaryService: Invalid value: "": {NO_SERVICES}'),
        ("dynamicStableScale without a router",
         changed(canary__trafficRouting=ABSENT, canary__dynamicStableScale=True),
         "spec.strategy.dynamicStableScale: Invalid value: true: "
         "Canary dynamicStableScale can only be used with traffic routing"),
        ("scaleDownDelaySeconds without a router",
         changed(canary__trafficRouting=ABSENT, canary__scaleDownDelaySeconds=9),
         "spec.strategy.scaleDownDelaySeconds: Invalid value: 9: "
         "Canary scaleDownDelaySeconds can only be used with traffic routing"),
        ("dynamicStableScale with scaleDownDelaySeconds",
         changed(canary__dynamicStableScale=True, canary__scaleDownDelaySeconds=9),
         "spec.strategy.dynamicStableScale: Invalid value: true: "
         "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"),
        ("setCanaryScale without a router", with_step({"setCanaryScale": {}}, canary__trafficRouting=ABSENT),
         "spec.strategy.trafficRouting: Required value: SetCanaryScale requires TrafficRouting to be set"),
        ("maxTrafficWeight 0", with_step(canary__trafficRouting__maxTrafficWeight=0),
         "spec.strategy.trafficRouting.maxTrafficWeight: Invalid value: 0: must be greater than 0"),
        ("maxTrafficWeight negative", with_step(canary__trafficRouting__maxTrafficWeight=-5),
         "spec.strategy.trafficRouting.maxTrafficWeight: Invalid value: -5: must be greater than 0"),
        ("maxTrafficWeight without nginx",
         changed(canary__trafficRouting={"smi": {}, "maxTrafficWeight": 1000}),
         "spec.strategy.trafficRouting.maxTrafficWeight: Invalid value: 1000: "
         "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins"),
        ("setHeaderRoute over nginx", with_step({"setHeaderRoute": {"name": "x"}}),
         'spec.strategy.steps[0].setHeaderRoute: Invalid value: {"name":"x"}: '
         "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix"),
        ("setMirrorRoute over nginx", with_step({"setMirrorRoute": {"name": "x"}}),
         'spec.strategy.steps[0].setMirrorRoute: Invalid value: {"name":"x"}: '
         "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins"),
        ("header route without managedRoutes",
         with_step({"setHeaderRoute": {"name": "x"}}, canary__trafficRouting={"apisix": {}}),
         "spec.strategy.trafficRouting.managedRoutes: Required value: "
         "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"),
        ("header route not among managedRoutes",
         with_step({"setHeaderRoute": {"name": "x"}},
                   canary__trafficRouting={"apisix": {}, "managedRoutes": [{"name": "y"}]}),
         'spec.strategy.steps[0].setHeaderRoute: Invalid value: "x": '
         "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes"),
        ("header match by prefix over ALB",
         with_step({"setHeaderRoute": {"name": "x", "match": [{"headerName": "h", "headerValue": {"prefix": "v"}}]}},
                   canary__trafficRouting={"alb": {"servicePort": 80}, "managedRoutes": [{"name": "x"}]}),
         'spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: {"prefix":"v"}: '
         "SetHeaderRoute match value invalid. ALB supports 'exact' value only"),
        ("header match with two values",
         with_step({"setHeaderRoute": {"name": "x", "match": [
             {"headerName": "h", "headerValue": {"prefix": "v", "exact": "w"}}]}},
                   canary__trafficRouting={"apisix": {}, "managedRoutes": [{"name": "x"}]}),
         'spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: {"exact":"w","prefix":"v"}: '
         "StringMatch match value must have exactly one of the following: exact, regex, prefix"),
        ("header match without a value",
         with_step({"setHeaderRoute": {"name": "x", "match": [{"headerName": "h"}]}},
                   canary__trafficRouting={"apisix": {}, "managedRoutes": [{"name": "x"}]}),
         "spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: null: "
         "StringMatch value missed, match value must have one of the following: exact, regex, prefix"),
        ("template beside workloadRef", changed(workloadRef={"name": "web"}),
         "spec.template: Internal error: template must be empty for workload reference rollout"),
        ("history below the limit of revisions that keep pods",
         changed(revisionHistoryLimit=1, strategy={"blueGreen": {
             "activeService": "a", "scaleDownDelayRevisionLimit": 2}}),
         "spec.strategy.scaleDownDelayRevisionLimit: Invalid value: 2: "
         "This rollout's revision history limit can not be smaller than the rollout's scale down limit"),
        ("anti-affinity without a choice", changed(canary__antiAffinity={}),
         'spec.strategy.antiAffinity: Invalid value: "antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: '
         'false antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: false": '
         "AntiAffinity must have exactly one strategy listed"),
        ("anti-affinity weight",
         changed(canary__antiAffinity={"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 101}}),
         "spec.strategy.antiAffinity.weight: Invalid value: 101: AntiAffinity weight must be between 1-100"),
        ("ping-pong with nginx", changed(canary__pingPong={"pingService": "a", "pongService": "b"}),
         "spec.strategy.trafficRouting.alb: Invalid value: null: "
         "Ping-pong feature works with the ALB, Istio, and plugin-based traffic routers only"),
        ("ping-pong without ping",
         changed(canary__trafficRouting={"istio": {"destinationRule": {"name": "d"}}},
                 canary__pingPong={"pongService": "b"}),
         'spec.strategy.pingPong.pingService: Invalid value: "": '
         "Ping service and Pong service must to be set to use Ping-Pong feature"),
        ("ping-pong over ALB without a root Service",
         changed(canary__trafficRouting={"alb": {"servicePort": 80}},
                 canary__pingPong={"pingService": "a", "pongService": "b"}),
         'spec.strategy.trafficRouting.alb.rootService: Invalid value: "": '
         "Root service field is required for the configuration with ALB and ping-pong feature enabled"),
        ("experiment weight without a router",
         with_step({"experiment": {"templates": [{"name": "a", "specRef": "canary", "weight": 5}]}},
                   canary__trafficRouting=ABSENT),
         "spec.strategy.steps[0].experiment.templates[0].weight: Invalid value: 5: "
         "Experiment template weight cannot be set unless TrafficRouting is enabled"),
        ("experiment weight over nginx",
         with_step({"experiment": {"templates": [{"name": "a", "specRef": "canary", "weight": 5}]}}),
         "spec.strategy.steps[0].experiment.templates[0].weight: Invalid value: 5: Experiment template weight is only "
         "available for TrafficRouting with SMI, ALB, Istio and Plugins at this time"),
        ("argument from metadata that no pod has",
         with_step({"analysis": {"args": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.x"}}}]}}),
         "spec.strategy.steps[0].analyses: Invalid value: "
         '[{"name":"a","valueFrom":{"fieldRef":{"fieldPath":"metadata.x"}}}]: '
         "Analyses arguments must refer to valid object metadata supported by downwardAPI"),
        ("both kinds of stable Ingress",
         changed(canary__trafficRouting__nginx={"stableIngress": "a", "stableIngresses": ["b"]}),
         "spec.strategy.canary.trafficRouting.nginx: Internal error: "
         "Either StableIngress or StableIngresses must be configured. Both are configured."),
        ("no stable Ingress", changed(canary__trafficRouting__nginx={}),
         "spec.strategy.canary.trafficRouting.nginx: Internal error: "
         "Either StableIngress or StableIngresses must be configured. Neither are configured."),
        ("10,000 steps", with_step(*({"setWeight": 1} for _ in range(10_000))),
         "spec.strategy.canary.steps: Too many: 10000: must have at most 500 items"),
        ("201 arguments", with_step({"analysis": {"args": MANY_ARGS}}),
         f"{ANALYSIS_AT}.args: Too many: 201: must have at most 200 items"),
        ("an argument twice", with_step({"analysis": {"args": [{"name": "a"}, {"name": "a"}]}}),
         f'{ANALYSIS_AT}.args[1].name: Duplicate value: "a"'),
        ("a pod without containers", changed(template__spec={}), "spec.template.spec.containers: Required value"),
        ("a container without an image", changed(template__spec__containers=[{"name": "web"}]),
         "spec.template.spec.containers[0].image: Required value"),
        ("two containers of one name",
         changed(template__spec__containers=[{"name": "a", "image": "a"}, {"name": "a", "image": "b"}]),
         'spec.template.spec.containers[1].name: Duplicate value: "a"'),
        ("a mount without its volume",
         changed(template__spec__containers=[{"name": "a", "image": "a", "volumeMounts": [{"name": "v"}]}]),
         'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v"'),
        ("restartPolicy Never", changed(template__spec__restartPolicy="Never"),
         'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'),
        ("a router that is not named", changed(canary__trafficRouting={"managedRoutes": [{"name": "x"}]}),
         "spec.strategy.trafficRouting: Required value: must name a router"),
        ("a negative size", with_step({"setCanaryScale": {"replicas": -1}}),
         "spec.strategy.steps[0].setCanaryScale.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ("a size beyond all", with_step({"setCanaryScale": {"weight": 101}}),
         "spec.strategy.steps[0].setCanaryScale.weight: Invalid value: 101: must be between 0 and 100"),
        ("a size in two ways", with_step({"setCanaryScale": {"weight": 1, "replicas": 1}}),
         'spec.strategy.steps[0].setCanaryScale: Invalid value: {"weight":1,"replicas":1}: '
         "must have one of the following set: weight, replicas or matchTrafficWeight"),
        ("a threshold of another kind", changed(canary__replicaProgressThreshold={"type": "Share", "value": 3}),
         'spec.strategy.replicaProgressThreshold.type: Invalid value: "Share": must be Percent or Pods'),
        ("a threshold of nothing", changed(canary__replicaProgressThreshold={"type": "Pods", "value": 0}),
         "spec.strategy.replicaProgressThreshold.value: Invalid value: 0: must be greater than 0"),
        ("a threshold beyond all", changed(canary__replicaProgressThreshold={"type": "Percent", "value": 101}),
         "spec.strategy.replicaProgressThreshold.value: Invalid value: 101: must be between 1 and 100"),
        ("a floor below nothing", changed(canary__minPodsPerReplicaSet=-1),
         "spec.strategy.minPodsPerReplicaSet: Invalid value: -1: must be greater than or equal to 0"),
        ("failing pods that are no count", changed(failFast={"pods": "many"}),
         'spec.failFast.pods: Invalid value: "many": must be a whole number of pods, or a percentage such as 25%'),
        ("ephemeral containers", changed(template__spec__ephemeralContainers=[{"name": "a", "image": "a"}]),
         "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"),
        ("a template over 1 MiB",
         changed(template__spec__containers=[{"name": "a", "image": "a", "args": ["x" * 1_048_577]}]),
         "spec.template: Too long: may not be more than 1048576 bytes"),
        ("annotations over 256 KiB", changed(template__metadata__annotations={"a": "x" * 262_144}),
         "spec.template.metadata.annotations: Too long: may not be more than 262144 bytes"),
    ],
)  # fmt: skip
def test_the_condition_speaks_the_words_of_the_contract(case: str, manifest: dict[str, Any], message: str) -> None:
    assert told(manifest) == message


@pytest.mark.parametrize("duration", [5, "5", "1h30m", "300ms", 0, "0s", "1.5h"])
def test_a_pause_of_the_grammar_is_accepted(duration: Any) -> None:
    assert check(a_pause(duration)).refusals == ()


@pytest.mark.parametrize(
    ("case", "manifest"),
    [
        ("replicas 0", changed(replicas=0)),
        ("replicas null", changed(replicas=None)),
        ("weight 0 alone", with_step({"setWeight": 0})),
        ("the same weight twice", with_step({"setWeight": 20}, {"setWeight": 20})),
        ("a falling weight", with_step({"setWeight": 50}, {"setWeight": 20})),
        ("a total of 1e8", with_step({"setWeight": 10**8}, canary__trafficRouting__maxTrafficWeight=10**8)),
        ("500 steps", with_step(*({"setWeight": 1} for _ in range(500)))),
        ("a malformed quantity", changed(template__spec__containers=[
            {"name": "a", "image": "a", "resources": {"requests": "invalid"}}])),
        ("ephemeral containers that do not decode", changed(template__spec__ephemeralContainers=[{"name": 1}])),
        ("one ephemeral container that does not", changed(template__spec__ephemeralContainers=[
            {"name": "a", "image": "a"}, {"name": "a", "resources": {"requests": {"memory": "invalid"}}}])),
        ("surge 25 without its sign", changed(canary__maxSurge="25")),
        ("no steps", with_step()),
        ("no router", changed(canary__trafficRouting=ABSENT)),
        ("no router and no Services", changed(
            canary__trafficRouting=ABSENT, canary__stableService=ABSENT, canary__canaryService=ABSENT)),
        ("an empty setCanaryScale", with_step({"setCanaryScale": {}})),
        ("a threshold", changed(canary__replicaProgressThreshold={"type": "Percent", "value": 100})),
        ("failFast", changed(failFast={})),
        ("several Ingresses", changed(canary__trafficRouting__nginx={"stableIngresses": ["a", "b"]})),
        ("metadata by the downward API", with_step({"analysis": {"args": [
            {"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['region']"}}}]}})),
    ],
)  # fmt: skip
def test_what_the_contract_accepts_is_accepted(case: str, manifest: dict[str, Any]) -> None:
    assert check(manifest).refusals == ()


STEPS_OF_ONE_KEY: dict[str, Any] = {
    "setWeight": 5,
    "pause": {},
    "setCanaryScale": {"weight": 5},
    "analysis": {"templates": [{"templateName": "a"}]},
    "experiment": {"templates": [{"name": "a", "specRef": "canary"}]},
    "setHeaderRoute": {"name": "x"},
    "setMirrorRoute": {"name": "x"},
    "plugin": {"name": "a/b"},
}


@pytest.mark.parametrize(("one", "other"), tuple(itertools.combinations(STEPS_OF_ONE_KEY, 2)))
def test_no_two_keys_of_a_step_go_together(one: str, other: str) -> None:
    refused = check(with_step({key: STEPS_OF_ONE_KEY[key] for key in (one, other)})).refusals[0]

    assert (refused.reason, refused.at) == ("StepChoice", "spec.strategy.canary.steps[0]")


def test_every_refusal_is_told_not_only_the_first() -> None:
    refused = check(with_step({}, {"setWeight": 101}, {"pause": {"duration": "1d"}}, replicas=-1)).refusals

    assert [each.reason for each in refused] == ["Negative", "StepChoice", "WeightOutOfRange", "PauseInvalid"]
    assert refused[1].at == "spec.strategy.canary.steps[0]"
    assert all(each.fix for each in refused)


def test_a_spec_that_cannot_be_read_is_told_in_the_same_form() -> None:
    assert told(changed(replicas="3")) == 'spec.replicas: Invalid value: "3": must be an integer'
