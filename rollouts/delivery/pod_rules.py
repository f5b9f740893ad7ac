"""What Kubernetes itself would refuse in a pod template, as far as it can be said without asking the API server.

Texts are Kubernetes' own. What is left (quantities, probes, security) the API server refuses when the ReplicaSet is
created. Parts that do not decode (a malformed quantity, say) are tolerated here, as the contract wants it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.common import LabelSelector
from rollouts.api.parse import shown
from rollouts.api.rollout import RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.kit.parts import part
from rollouts.kube.podtemplate import has_ephemeral_containers
from rollouts.kube.ref import Manifest

DEPLOYMENT_HASH = "pod-template-hash"
TEMPLATE_BYTES_MAX = 1 << 20
ANNOTATIONS_BYTES_MAX = 256 << 10
_LABEL_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_DNS_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_AT = "spec.template"


def selector_refusals(selector: LabelSelector, at: str) -> Iterator[Refusal]:
    """Expressions of a label selector that cannot be evaluated."""
    for index, each in enumerate(selector.match_expressions):
        where = f"{at}.matchExpressions[{index}]"
        if each.operator in ("In", "NotIn"):
            if not each.values:
                text = "must be specified when `operator` is 'In' or 'NotIn'"
                yield Refusal("SelectorInvalid", f"{where}.values", text, kind="Required value")
        elif each.operator in ("Exists", "DoesNotExist"):
            if each.values:
                text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield Refusal("SelectorInvalid", f"{where}.values", text, kind="Forbidden")
        else:
            text = "not a valid selector operator"
            yield Refusal("SelectorInvalid", f"{where}.operator", text, got=shown(each.operator))


def matches(selector: LabelSelector, labels: Mapping[str, Any]) -> bool:
    """Whether labels satisfy every requirement of a selector."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        {
            "In": labels.get(each.key) in each.values,
            "NotIn": labels.get(each.key) not in each.values,
            "Exists": each.key in labels,
            "DoesNotExist": each.key not in labels,
        }.get(each.operator, False)
        for each in selector.match_expressions
    )


def template_refusals(spec: RolloutSpec) -> Iterator[Refusal]:
    """What is wrong with spec.template in itself and under spec.selector."""
    template = spec.template or {}
    meta, pod = part(template, "metadata"), part(template, "spec")
    labels = meta.get("labels")
    if spec.selector and not matches(spec.selector, part(labels)):
        yield Refusal(
            "SelectorMismatch",
            f"{_AT}.metadata.labels",
            "`selector` does not match template `labels`",
            fix="give the template the labels that spec.selector asks for",
            got=shown(labels or None),
        )
    if DEPLOYMENT_HASH in part(labels):
        text, fix = f"the label {DEPLOYMENT_HASH} belongs to Deployments", f"drop {DEPLOYMENT_HASH} from the template"
        yield Refusal("LabelReserved", f"{_AT}.metadata.labels", text, fix=fix, kind="Forbidden")
    yield from _sizes(template, meta)
    yield from _containers(pod)
    if has_ephemeral_containers(pod):
        text, fix = "ephemeral containers not allowed in pod template", "kubectl debug adds them to pods that run"
        yield Refusal("PodInvalid", f"{_AT}.spec.ephemeralContainers", text, kind="Forbidden", fix=fix)
    policy = pod.get("restartPolicy")
    if policy not in (None, "", "Always"):
        text = 'supported values: "Always"'
        yield Refusal("PodInvalid", f"{_AT}.spec.restartPolicy", text, kind="Unsupported value", got=shown(policy))
    if pod.get("activeDeadlineSeconds") is not None:
        text = "activeDeadlineSeconds in ReplicaSet is not Supported"
        yield Refusal("PodInvalid", f"{_AT}.spec.activeDeadlineSeconds", text, kind="Forbidden")


def _sizes(template: Manifest, meta: Manifest) -> Iterator[Refusal]:
    size = len(json.dumps(template, separators=(",", ":")).encode(errors="surrogatepass"))
    if size > TEMPLATE_BYTES_MAX:
        text = f"may not be more than {TEMPLATE_BYTES_MAX} bytes"
        yield Refusal("TemplateTooLarge", _AT, text, kind="Too long", fix="move large values into a ConfigMap")
    notes = part(meta, "annotations")
    size = sum(len(str(key).encode()) + len(str(value).encode(errors="surrogatepass")) for key, value in notes.items())
    if size > ANNOTATIONS_BYTES_MAX:
        text = f"may not be more than {ANNOTATIONS_BYTES_MAX} bytes"
        yield Refusal("TemplateTooLarge", f"{_AT}.metadata.annotations", text, kind="Too long")


def _containers(pod: Manifest) -> Iterator[Refusal]:
    containers = pod.get("containers")
    if not isinstance(containers, list | tuple) or not containers:
        fix = "add a container with a name and an image"
        yield Refusal("PodInvalid", f"{_AT}.spec.containers", "", kind="Required value", fix=fix)
        return
    volumes = {part(each).get("name") for each in _list(pod.get("volumes"))}
    names: set[str] = set()
    for field in ("containers", "initContainers"):
        for index, container in enumerate(_list(pod.get(field))):
            at = f"{_AT}.spec.{field}[{index}]"
            yield from _container(part(container), at, names, volumes)


def _container(container: Manifest, at: str, names: set[str], volumes: set[Any]) -> Iterator[Refusal]:
    name = container.get("name")
    if not isinstance(name, str) or not name:
        yield Refusal("PodInvalid", f"{at}.name", "", kind="Required value", fix="give the container a name")
    elif not _LABEL_NAME.fullmatch(name):
        yield Refusal("PodInvalid", f"{at}.name", _DNS_LABEL_TEXT, got=shown(name))
    elif name in names:
        yield Refusal("PodInvalid", f"{at}.name", "", kind="Duplicate value", got=shown(name))
    names.add(str(name))
    if not container.get("image"):
        yield Refusal("PodInvalid", f"{at}.image", "", kind="Required value", fix="give the container an image")
    for index, mount in enumerate(_list(container.get("volumeMounts"))):
        wanted = part(mount).get("name")
        if wanted not in volumes:
            where = f"{at}.volumeMounts[{index}].name"
            yield Refusal("PodInvalid", where, "", kind="Not found", got=shown(wanted))


def _list(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()
