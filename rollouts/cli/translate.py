"""Deployments as Rollouts and back, Flagger's Canaries as Rollouts: manifests in, manifests and remarks out; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.kube.ref import Manifest

STEPS: tuple[Mapping[str, Any], ...] = (
    {"setWeight": 20},
    {"pause": {"duration": "1m"}},
    {"setWeight": 50},
    {"pause": {"duration": "1m"}},
)
KEPT = ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
FLAGGER = "flagger.app"
STEPS_MAX = 100
_UNTOLD = {
    "webhooks": "webhooks are not translated: make them metrics of the provider `web` or `job`",
    "alerts": "alerts are not translated",
    "match": "match is not translated: use setHeaderRoute",
    "mirror": "mirror is not translated: use setMirrorRoute",
    "sessionAffinity": "sessionAffinity is not translated: use the router's own",
    "stepWeightPromotion": "stepWeightPromotion is not translated: the last weight is followed by the promotion",
}
_UNTOLD_OF_SPEC = {
    "autoscalerRef": "autoscalerRef is not translated: point that autoscaler at the Rollout",
    "skipAnalysis": "skipAnalysis is set: the Rollout is not judged, but walks its steps; `promote --full` skips them",
}


@dataclass(frozen=True, slots=True)
class Translation:
    """Manifests to apply. remarks: what could not be said in them.  following: what to do next, in order."""

    manifests: tuple[Manifest, ...]
    remarks: tuple[str, ...] = ()
    following: tuple[str, ...] = ()


def from_deployment(deployment: Manifest, service: str = "", *, blue_green: bool = False) -> Translation:
    """A Rollout that takes the Deployment's template, and its pods one by one. service: carries the traffic."""
    name, spec = str(deployment["metadata"]["name"]), deployment.get("spec") or {}
    if blue_green:
        strategy: dict[str, Any] = {"blueGreen": {"activeService": service or name}}
    else:
        strategy = {"canary": {**({"stableService": service} if service else {}), "steps": [dict(s) for s in STEPS]}}
    kept = {key: spec[key] for key in KEPT if spec.get(key) is not None}
    body = {**kept, "workloadRef": _workload(name, "progressively"), "strategy": strategy}
    following = (
        f"rollouts status {name}    # the Deployment's pods leave as the Rollout's come",
        f"point an autoscaler of Deployment/{name} at Rollout/{name}",
        f"to go back: kubectl delete rollout {name}    # the Deployment gets its pods back first",
    )
    remarks = [] if spec.get("replicas") != 0 else [f"Deployment/{name} has no replicas: say how many the Rollout has"]
    return Translation((_rollout(deployment, name, body),), tuple(remarks), following)


def from_rollout(rollout: Manifest) -> Translation:
    """The Deployment of a Rollout, and the Rollout as it takes its template from there: deleted, it gives way to it."""
    name, spec = str(rollout["metadata"]["name"]), rollout.get("spec") or {}
    if spec.get("workloadRef"):
        source = f"{spec['workloadRef'].get('kind')}/{spec['workloadRef'].get('name')}"
        stays = spec["workloadRef"].get("scaleDown") in (None, "never")
        remarks = (f"scaleDown is never: scale {source} up before that",) if stays else ()
        said = f"kubectl delete rollout {name}    # {source} gets its pods back first"
        return Translation((), remarks, (said,))
    kept = {key: spec[key] for key in (*KEPT, "selector", "template") if spec.get(key) is not None}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(rollout, name), "spec": kept}
    rest = {key: value for key, value in spec.items() if key not in ("template", "workloadRef")}
    same = _rollout(rollout, name, {**rest, "template": None, "workloadRef": _workload(name, "onsuccess")})
    following = (
        f"kubectl patch rollout {name} --type merge --patch-file <the second document>    # its template must go",
        f"rollouts status {name}    # nothing is updated: the template is the same",
        f"kubectl delete rollout {name}    # once it holds the finalizer: the Deployment gets its pods first",
    )
    return Translation((deployment, same), (), following)


def from_flagger(canary: Manifest) -> Translation:
    """A Rollout with the Services and the AnalysisTemplate that say what a Flagger Canary says."""
    name, spec = str(canary["metadata"]["name"]), canary.get("spec") or {}
    target, analysis, service = spec.get("targetRef") or {}, spec.get("analysis") or {}, spec.get("service") or {}
    workload, called = str(target.get("name") or name), str(service.get("name") or target.get("name") or name)
    remarks = [said for field, said in _UNTOLD.items() if analysis.get(field)]
    if target.get("kind", "Deployment") != "Deployment":
        remarks.append(f"targetRef is a {target.get('kind')}, which no Rollout can take its template from")
    around = _built_in(spec, f"{called}-canary", str(canary["metadata"].get("namespace") or "default"))
    given = () if spec.get("skipAnalysis") else analysis.get("metrics") or ()
    metrics = [each for each in (_metric(each, analysis, around, remarks) for each in given) if each]
    template = f"{name}-analysis"
    judged = {"templates": [{"templateName": template}]} if metrics else None
    routing = _routing(spec, called, remarks)
    services = {"stableService": called, "canaryService": f"{called}-canary"}
    if analysis.get("iterations"):
        blue_green: dict[str, Any] = {"activeService": called, "previewService": f"{called}-canary"}
        strategy: dict[str, Any] = {"blueGreen": blue_green | ({"prePromotionAnalysis": judged} if judged else {})}
    else:
        strategy = {"canary": {**services, "trafficRouting": routing, "steps": _steps(analysis, remarks),
                               "analysis": judged}}  # fmt: skip
        strategy["canary"] = {key: value for key, value in strategy["canary"].items() if value}
    body = {"workloadRef": _workload(workload, "progressively"), "strategy": strategy}
    if spec.get("progressDeadlineSeconds"):
        body = {"progressDeadlineSeconds": spec["progressDeadlineSeconds"], **body}
    remarks.append(f"spec.replicas is not in a Canary: take that of Deployment/{workload}-primary")
    remarks += [said for field, said in _UNTOLD_OF_SPEC.items() if spec.get(field)]
    remarks.append(f"the Services select app={workload}: change that if the pods bear another label")
    made = [_service(canary, each, workload, service) for each in services.values()]
    if metrics:
        remarks.append("metrics are asked of the controller's --prometheus-address: a Canary does not say where")
        made.append(_object(canary, "argoproj.io/v1alpha1", "AnalysisTemplate", template, {"metrics": metrics}))
    following = (
        f"scale Deployment/{workload} up to the size of Deployment/{workload}-primary, and delete the Canary",
        f"rollouts status {workload}",
    )
    return Translation((*made, _rollout(canary, workload, body)), tuple(remarks), following)


def _steps(analysis: Mapping[str, Any], remarks: list[str]) -> list[dict[str, Any]]:
    """A weight and a wait for each step, as Flagger counts them."""
    weights = list(analysis.get("stepWeights") or ())
    step, most = analysis.get("stepWeight"), int(analysis.get("maxWeight") or 100)
    if not weights and isinstance(step, int) and step > 0:
        weights = list(range(step, most + 1, step))
    if not weights:
        remarks.append("no stepWeight, stepWeights or iterations: write steps of your own")
    wait = str(analysis.get("interval") or "1m")
    pairs = (({"setWeight": int(weight)}, {"pause": {"duration": wait}}) for weight in weights[:STEPS_MAX])
    return [each for pair in pairs for each in pair]


def _routing(spec: Mapping[str, Any], service: str, remarks: list[str]) -> dict[str, Any] | None:
    provider = str(spec.get("provider") or "").partition(":")[0]
    ingress = str((spec.get("ingressRef") or {}).get("name") or "")
    found: dict[str, dict[str, Any]] = {
        "nginx": {"nginx": {"stableIngress": ingress}},
        "istio": {"istio": {"virtualService": {"name": service}}},
        "gatewayapi": {"gatewayAPI": {"httpRoute": service}},
        "traefik": {"traefik": {"weightedTraefikServiceName": service}},
        "contour": {"contour": {"httpProxy": service}},
    }
    if provider in found:
        if provider not in ("nginx", "traefik"):
            remarks.append(f"the route {service} was Flagger's own: make one that leads to {service}, then apply this")
        return found[provider]
    if provider not in ("", "kubernetes"):
        remarks.append(f"provider {provider} is not translated: add trafficRouting")
    return None


def _built_in(spec: Mapping[str, Any], service: str, namespace: str) -> dict[str, str]:
    """Flagger's own metrics → their queries, with INTERVAL for the span; for meshes whose metrics name the Service."""
    if str(spec.get("provider") or "").partition(":")[0] != "istio":
        return {}
    labels = f'reporter="destination",destination_service_namespace="{namespace}",destination_service_name="{service}"'
    good = f'sum(rate(istio_requests_total{{{labels},response_code!~"5.."}}[INTERVAL]))'
    total = f"sum(rate(istio_requests_total{{{labels}}}[INTERVAL]))"
    buckets = f"sum by (le) (rate(istio_request_duration_milliseconds_bucket{{{labels}}}[INTERVAL]))"
    return {
        "request-success-rate": f"100 * {good} / {total}",
        "request-duration": f"histogram_quantile(0.99, {buckets})",
    }


def _metric(
    metric: Mapping[str, Any], analysis: Mapping[str, Any], built_in: Mapping[str, str], remarks: list[str]
) -> dict[str, Any] | None:
    name, span = str(metric.get("name") or "metric"), metric.get("thresholdRange") or {}
    interval = str(metric.get("interval") or analysis.get("interval") or "1m")
    query = str(metric.get("query") or ("" if metric.get("templateRef") else built_in.get(name, "")))
    bounds = [("result[0] >= {}", span.get("min")), ("result[0] <= {}", span.get("max", metric.get("threshold")))]
    condition = " && ".join(text.format(bound) for text, bound in bounds if bound is not None)
    if not query:
        source = (metric.get("templateRef") or {}).get("name")
        remarks.append(f"metric {name}: write the query" + (f" of MetricTemplate {source}" if source else ""))
        return None
    limit = max(0, int(analysis.get("threshold") or 1) - 1)
    made = {
        "name": name,
        "interval": interval,
        "successCondition": condition or None,
        "failureLimit": limit,
        "provider": {"prometheus": {"query": query.replace("[INTERVAL]", f"[{interval}]")}},
    }
    if analysis.get("iterations"):
        made["count"] = int(analysis["iterations"])
    return {key: value for key, value in made.items() if value is not None}


def _service(owner: Manifest, name: str, workload: str, given: Mapping[str, Any]) -> Manifest:
    port: dict[str, Any] = {"port": given.get("port") or 80}
    port |= {"name": given["portName"]} if given.get("portName") else {}
    port |= {"targetPort": given["targetPort"]} if given.get("targetPort") else {}
    return _object(owner, "v1", "Service", name, {"selector": {"app": workload}, "ports": [port]})


def _workload(name: str, scale_down: str) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "scaleDown": scale_down}


def _rollout(owner: Manifest, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": _metadata(owner, name), "spec": dict(spec),
    }  # fmt: skip


def _object(owner: Manifest, version: str, kind: str, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": _metadata(owner, name, labels=False), "spec": dict(spec)}


def _metadata(owner: Manifest, name: str, *, labels: bool = True) -> dict[str, Any]:
    meta = owner["metadata"]
    made: dict[str, Any] = {"name": name}
    if meta.get("namespace"):
        made["namespace"] = meta["namespace"]
    if labels and meta.get("labels"):
        made["labels"] = dict(meta["labels"])
    return made
