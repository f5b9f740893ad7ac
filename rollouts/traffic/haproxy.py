"""HAProxy ingress controller: an ACL on the canary Service that holds for a share of the requests.

The Ingress leads its path to both Services; HAProxy asks the canary's ACL first. Without the annotation every request
would go to the canary, so that it stays there at weight 0 too.
"""

from __future__ import annotations

import re
from typing import Any

from rollouts.api.routing import HaproxyRouting
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading
from rollouts.traffic.route import Split, Traffic

PREFIX = "haproxy.org"
_ACL = re.compile(r"rand\((\d{1,9})\) lt (\d{1,9})")


def refs(settings: HaproxyRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """The canary Service itself."""
    return (Ref(kinds.SERVICE, traffic.namespace, traffic.canary_service),)


def read(settings: HaproxyRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The share that the ACL lets through; without one, everything."""
    found = _ACL.fullmatch(obj.annotations(manifest).get(_key(settings), ""))
    if found is None:
        return Reading((traffic.total,))
    total, below = int(found[1]), int(found[2])
    return Reading((min(-(-below * traffic.total // total), traffic.total) if total else traffic.total,))


def edit(settings: HaproxyRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The Service with the ACL."""
    meta = manifest["metadata"]
    text = f"rand({split.total}) lt {split.canary}"
    meta["annotations"] = {**(meta.get("annotations") or {}), _key(settings): text}
    return manifest


def _key(settings: HaproxyRouting) -> str:
    return f"{settings.annotation_prefix or PREFIX}/route-acl"


DIALECT = Dialect("haproxy", (kinds.SERVICE,), refs, read, edit, HaproxyRouting.model_validate)
