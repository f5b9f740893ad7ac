"""What the objects that a Rollout names must be, in the order and with the texts of the contract.

These are looked at again whenever one of them changes, so that a Service or a template that appears later heals the
Rollout by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rollouts.api.parse import shown
from rollouts.api.rollout import CanaryStrategy, RolloutSpec
from rollouts.api.routing import NginxRouting
from rollouts.core.chain import Chain, Rule
from rollouts.core.errors import Refusal
from rollouts.delivery.template_rules import Analysis, Templates, analyses_of, missing_templates, unfit_templates
from rollouts.kube.ref import Manifest

HASH_LABEL = "rollouts-pod-template-hash"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
CANARY_ANNOTATION_PREFIX = "nginx.ingress.kubernetes.io"
INGRESS_NGINX = "k8s.io/ingress-nginx"


@dataclass(frozen=True, slots=True)
class References:
    """What a Rollout's spec names, as seen now. An absent key or None: the object does not exist.

    templates: by (cluster scope, name), with all that they nest.  other_users: Service name → name of another Rollout
    that names it as well.  controllers: IngressClass name → spec.controller, as far as known.
    """

    name: str
    spec: RolloutSpec
    services: Mapping[str, Manifest | None] = field(default_factory=dict)
    ingresses: Mapping[str, Manifest | None] = field(default_factory=dict)
    templates: Templates = field(default_factory=dict)
    other_users: Mapping[str, str] = field(default_factory=dict)
    controllers: Mapping[str, str] = field(default_factory=dict)


def services_named(spec: RolloutSpec) -> Mapping[str, str]:
    """Field (`canary.stableService`) → name, for each Service that a strategy names; in the order of checking."""
    canary, blue_green = spec.strategy.canary, spec.strategy.blue_green
    named: dict[str, str] = {}
    if canary:
        named = {"canary.stableService": canary.stable_service, "canary.canaryService": canary.canary_service}
        if canary.ping_pong:
            ping, pong = canary.ping_pong.ping_service, canary.ping_pong.pong_service
            named = {"canary.pingPong.pingService": ping, "canary.pingPong.pongService": pong}
    elif blue_green:
        active, preview = blue_green.active_service, blue_green.preview_service
        named = {"blueGreen.activeService": active, "blueGreen.previewService": preview}
    return {key: name for key, name in named.items() if name}


def ingresses_named(spec: RolloutSpec) -> tuple[str, ...]:
    """Every stable Ingress of the nginx router."""
    nginx = _nginx(spec.strategy.canary)
    return nginx.ingresses if nginx else ()


def _nginx(canary: CanaryStrategy | None) -> NginxRouting | None:
    return canary.traffic_routing.nginx if canary and canary.traffic_routing else None


def _services_exist(seen: References) -> Iterator[Refusal]:
    for key, name in services_named(seen.spec).items():
        if seen.services.get(name) is None:
            at = f"spec.strategy.{key}"
            fix = f"create the Service {name} in the Rollout's namespace"
            yield Refusal("ServiceNotFound", at, f'service "{name}" not found', fix=fix, got=shown(name))


def _templates_exist(seen: References) -> Iterator[Refusal]:
    for analysis in analyses_of(seen.spec):
        yield from missing_templates(analysis, seen.templates)


def _ingresses_exist(seen: References) -> Iterator[Refusal]:
    for name in ingresses_named(seen.spec):
        if seen.ingresses.get(name) is None:
            text = f'ingress.networking.k8s.io "{name}" not found'
            fix = f"create the Ingress {name} in the Rollout's namespace"
            yield Refusal("IngressNotFound", ingresses_at(seen.spec), text, fix=fix, got=shown(name))


def ingresses_at(spec: RolloutSpec) -> str:
    """The field that names them."""
    nginx = _nginx(spec.strategy.canary)
    several = nginx and nginx.stable_ingresses
    return f"spec.strategy.canary.trafficRouting.nginx.stableIngress{'es' if several else ''}"


def _services_fit(seen: References) -> Iterator[Refusal]:
    for key, name in services_named(seen.spec).items():
        service = seen.services.get(name)
        if service is not None:
            yield from _service_fits(seen, f"spec.strategy.{key}", name, service)


def _service_fits(seen: References, at: str, name: str, service: Manifest) -> Iterator[Refusal]:
    spec = service.get("spec") or {}
    selector = spec.get("selector") or {}
    metadata = (seen.spec.template or {}).get("metadata") or {}
    labels = metadata.get("labels") or {}
    for label in sorted(selector):
        # A file may hold a Rollout without the workload that gives its template.
        is_told = seen.spec.template is not None
        if label != HASH_LABEL and is_told and labels.get(label) != selector[label]:
            text = f'Service "{name}" has unmatch label "{label}" in rollout'
            fix = f"give the Service's selector only labels of spec.template, or the template {label}={selector[label]}"
            yield Refusal("ServiceSelectorMismatch", at, text, fix=fix, got=shown(name))
    owner = ((service.get("metadata") or {}).get("annotations") or {}).get(MANAGED_BY)
    other = owner if owner and owner != seen.name else seen.other_users.get(name)
    if other:
        text = f'Service "{name}" is managed by another Rollout'
        yield Refusal("ServiceTaken", at, text, fix=f"Rollout {other} has it; name another Service", got=shown(name))
    if unfit := _unfit(name, spec, selector):
        fix = "use a Service of type ClusterIP with a selector"
        yield Refusal("ServiceUnfit", at, unfit, fix=fix, got=shown(name))


def _unfit(name: str, spec: Manifest, selector: Manifest) -> str:
    """Why traffic to the Service cannot be moved by its selector; "" where it can."""
    if spec.get("type") == "ExternalName":
        return f'Service "{name}" is of type ExternalName and selects no pods'
    if spec.get("clusterIP") == "None":
        return f'Service "{name}" is headless: clients would keep the pods that they resolved'
    return "" if selector else f'Service "{name}" has no selector'


def _templates_fit(seen: References) -> Iterator[Refusal]:
    for analysis in analyses_of(seen.spec):
        yield from unfit_templates(analysis, seen.templates)


def _ingresses_fit(seen: References) -> Iterator[Refusal]:
    canary = seen.spec.strategy.canary
    nginx = _nginx(canary)
    if not canary or not nginx:
        return
    at = ingresses_at(seen.spec)
    for name in nginx.ingresses:
        ingress = seen.ingresses.get(name)
        if ingress is None:
            continue
        if not has_rule_for(ingress, canary.stable_service):
            text = f"ingress `{name}` has no rules using service {canary.stable_service} backend"
            fix = f"give a path of Ingress {name} the backend {canary.stable_service}"
            yield Refusal("IngressWithoutRule", at, text, fix=fix, got=shown(name))
        yield from _ingress_fits(seen, at, name, ingress, nginx.annotation_prefix or CANARY_ANNOTATION_PREFIX)


def _ingress_fits(seen: References, at: str, name: str, ingress: Manifest, prefix: str) -> Iterator[Refusal]:
    annotations = (ingress.get("metadata") or {}).get("annotations") or {}
    if annotations.get(f"{prefix}/canary") == "true":
        text = f"ingress `{name}` is itself a canary Ingress"
        fix = f"name the main Ingress, without {prefix}/canary"
        yield Refusal("IngressIsCanary", at, text, fix=fix, got=shown(name))
    called = (ingress.get("spec") or {}).get("ingressClassName") or annotations.get(CLASS_ANNOTATION) or ""
    controller = seen.controllers.get(called, "")
    if controller and not controller.startswith(INGRESS_NGINX):
        text = f"ingress `{name}` is of class {called}, whose controller {controller} reads no canary annotations"
        yield Refusal("IngressClass", at, text, fix="use a class of ingress-nginx", got=shown(name))


def has_rule_for(ingress: Manifest, service: str) -> bool:
    """Whether some path of the Ingress sends traffic to that Service."""
    for rule in (ingress.get("spec") or {}).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            backend = path.get("backend") or {}
            if service in ((backend.get("service") or {}).get("name"), backend.get("serviceName")):
                return True
    return False


def template_keys(spec: RolloutSpec) -> tuple[tuple[bool, str], ...]:
    """(cluster scope, name) of each template that the spec names itself, each once."""
    keys = [(ref.cluster_scope, ref.template_name) for each in analyses_of(spec) for ref in each.analysis.templates]
    return tuple(dict.fromkeys(keys))


__all__ = ["REFERENCE_RULES", "Analysis", "References", "ingresses_named", "services_named", "template_keys"]

REFERENCE_RULES: Chain[References] = Chain(
    (
        Rule("ServicesExist", _services_exist, "the Services that the spec names exist"),
        Rule("TemplatesExist", _templates_exist, "the analysis templates that the spec names exist, nested ones too"),
        Rule("IngressesExist", _ingresses_exist, "the stable Ingresses exist"),
        Rule("ServicesFit", _services_fit, "each Service selects this Rollout's pods and belongs to nobody else"),
        Rule("TemplatesFit", _templates_fit, "the templates make a run that can start and, in a step, that ends"),
        Rule("IngressesFit", _ingresses_fit, "each stable Ingress leads to the stable Service and obeys annotations"),
    )
)
