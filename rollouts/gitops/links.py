"""What a person may click or recognise of an Application: addresses that lead in, and the images that run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rollouts.kit.parts import part
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest

LINK = "link.argocd.argoproj.io/"
NO_DEFAULTS = "argocd.argoproj.io/ignore-default-links"
LINKS_MAX, LINK_CHARS_MAX = 50, 1024
# Whoever may annotate an object must not have a script run by whoever looks at it.
_SAFE = re.compile(r"(?:[^|\x00-\x1f]*\|)?https?://[^\s\x00-\x1f\x7f\"'<>\\^`{|}]+", re.IGNORECASE)


def urls(live: Iterable[Manifest]) -> list[str]:
    """The addresses of Ingresses and of annotations that name links, as `title|address` where they have a title."""
    found = {url for manifest in live for url in _urls(manifest)}
    return sorted(url for url in found if len(url) <= LINK_CHARS_MAX and _SAFE.fullmatch(url))[:LINKS_MAX]


def images_of(manifest: Manifest) -> Iterator[str]:
    """The images that an object runs, wherever its pod template is."""
    spec: Any = manifest.get("spec")
    for _ in range(4):  # CronJob: spec.jobTemplate.spec.template.spec
        if not isinstance(spec, Mapping):
            return
        for field in ("containers", "initContainers"):
            for each in spec.get(field) or () if isinstance(spec.get(field), list) else ():
                if isinstance(each, Mapping) and isinstance(each.get("image"), str):
                    yield each["image"]
        outer: Any = spec.get("jobTemplate") or spec.get("template")
        spec = outer.get("spec") if isinstance(outer, Mapping) else None


def _urls(manifest: Manifest) -> Iterator[str]:
    marks = kube.annotations(manifest)
    for name, value in marks.items():
        if name.startswith(LINK) and isinstance(value, str):
            yield value
    if manifest.get("kind") == "Ingress" and marks.get(NO_DEFAULTS) != "true":
        yield from _of_ingress(manifest)


def _of_ingress(manifest: Manifest) -> Iterator[str]:
    spec = part(manifest, "spec")
    secured = {str(host) for each in _list(spec, "tls") for host in _list(each, "hosts")}
    points = _list(part(manifest, "status", "loadBalancer"), "ingress")
    given = [str(each.get("hostname") or each.get("ip") or "") for each in points]
    for rule in _list(spec, "rules"):
        hosts = [str(rule["host"])] if rule.get("host") else given
        paths = [str(each.get("path") or "/") for each in _list(part(rule, "http"), "paths")] or ["/"]
        for host in hosts:
            scheme = "https" if host in secured or (not rule.get("host") and _list(spec, "tls")) else "http"
            yield from (f"{scheme}://{host}{path.rstrip('*')}" for path in paths if host and "*" not in host)


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, Mapping | str)] if isinstance(found, list) else []
