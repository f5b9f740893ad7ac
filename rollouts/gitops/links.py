"""What a person may click or recognise of an Application: addresses that lead in, and the images that run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rollouts.kit.parts import items, objects, part
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
    spec = part(manifest, "spec")
    for _ in range(4):  # CronJob: spec.jobTemplate.spec.template.spec
        for each in (*objects(spec, "containers"), *objects(spec, "initContainers")):
            if isinstance(each.get("image"), str):
                yield each["image"]
        spec = part(spec.get("jobTemplate") or spec.get("template"), "spec")


def _urls(manifest: Manifest) -> Iterator[str]:
    marks = kube.annotations(manifest)
    for name, value in marks.items():
        if name.startswith(LINK) and isinstance(value, str):
            yield value
    if manifest.get("kind") == "Ingress" and marks.get(NO_DEFAULTS) != "true":
        yield from _of_ingress(manifest)


def _of_ingress(manifest: Manifest) -> Iterator[str]:
    spec = part(manifest, "spec")
    secured = {str(host) for each in objects(spec, "tls") for host in items(each, "hosts")}
    points = objects(manifest, "status", "loadBalancer", "ingress")
    given = [str(each.get("hostname") or each.get("ip") or "") for each in points]
    for rule in objects(spec, "rules"):
        hosts = [str(rule["host"])] if rule.get("host") else given
        paths = [str(each.get("path") or "/") for each in objects(rule, "http", "paths")] or ["/"]
        for host in hosts:
            scheme = "https" if host in secured or (not rule.get("host") and objects(spec, "tls")) else "http"
            yield from (f"{scheme}://{host}{path.rstrip('*')}" for path in paths if host and "*" not in host)
