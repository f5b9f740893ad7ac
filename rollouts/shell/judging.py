"""What git brings for the controllers of this project, judged before any of it is written.

The rules are those of lint, of the admission webhook and of the controllers themselves. What an object names may come
from elsewhere, so that something is not among these manifests is no fault of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rollouts import experiments
from rollouts.api.parse import PARSERS, Parsed
from rollouts.api.rollout import RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.delivery.reference_rules import REFERENCE_RULES, References
from rollouts.delivery.rules import refusals
from rollouts.kit.parts import part
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest
from rollouts.runs import judge

JUDGED = frozenset({"Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun", "Experiment"})
NAMED = frozenset({"Service", "Ingress"})
TEMPLATES = ("AnalysisTemplate", "ClusterAnalysisTemplate")
ABSENT = frozenset({"ServiceNotFound", "IngressNotFound", "TemplateNotFound"})
TOLD_MAX = 5
REMEMBERED = 512


def problems(manifests: Sequence[Manifest]) -> tuple[tuple[str, ...], ...]:
    """For each manifest what a controller would refuse about it, each with its field and its mend."""
    mine = [index for index, each in enumerate(manifests) if _is_ours(each) or each.get("kind") in NAMED]
    if not any(_is_ours(manifests[index]) for index in mine):
        return ((),) * len(manifests)
    found = _judged(json.dumps([manifests[index] for index in mine], separators=(",", ":"), default=str))
    told = dict(zip(mine, found, strict=True))
    return tuple(told.get(index, ()) for index in range(len(manifests)))


def _is_ours(manifest: Manifest) -> bool:
    return manifest.get("kind") in JUDGED and str(manifest.get("apiVersion", "")).startswith(f"{kinds.GROUP}/")


@lru_cache(maxsize=REMEMBERED)
def _judged(text: str) -> tuple[tuple[str, ...], ...]:
    manifests: list[dict[str, Any]] = json.loads(text)
    return tuple(
        tuple(_told(each) for each in _refusals(manifest, manifests))[:TOLD_MAX] if _is_ours(manifest) else ()
        for manifest in manifests
    )


def _refusals(manifest: Manifest, around: Sequence[Manifest]) -> Iterator[Refusal]:
    kind = str(manifest["kind"])
    parsed: Parsed[Any] = PARSERS[kind](manifest)
    if kind == "Rollout":
        space = part(manifest, "metadata").get("namespace")
        near = [each for each in around if part(each, "metadata").get("namespace") in (space, None)]
        found = refusals(parsed, None)
        yield from found
        if parsed.spec is not None and not found:
            yield from _references(parsed.name, parsed.spec, near)
        return
    yield from parsed.refusals
    if kind == "Experiment" and parsed.spec is not None:
        yield from experiments.judge(parsed.name, parsed.spec)
    elif kind != "Experiment" and isinstance(manifest.get("spec"), Mapping):
        args = None if parsed.spec is None else parsed.spec.args
        judged = judge(manifest["spec"], args, is_run=kind == "AnalysisRun")
        yield from (refusal for refusal, severity in judged if severity == "error")


def _references(name: str, spec: RolloutSpec, near: Sequence[Manifest]) -> Iterator[Refusal]:
    """What is wrong between a Rollout and what it names, as far as both are here."""
    seen = References(
        name,
        spec,
        services=_named(near, "Service"),
        ingresses=_named(near, "Ingress"),
        templates={
            (kind == TEMPLATES[1], name): found for kind in TEMPLATES for name, found in _named(near, kind).items()
        },
    )
    yield from (each for each in REFERENCE_RULES.all(seen) if each.reason not in ABSENT)


def _named(manifests: Sequence[Manifest], kind: str) -> dict[str, Manifest]:
    return {str(part(each, "metadata").get("name")): each for each in manifests if each.get("kind") == kind}


def _told(refusal: Refusal) -> str:
    got = f" (got {refusal.got})" if refusal.got else ""
    mend = f"; mend: {refusal.fix}" if refusal.fix else ""
    return f"{refusal.at}: {refusal.text or refusal.kind}{got}{mend}" if refusal.at else f"{refusal.text}{got}{mend}"
