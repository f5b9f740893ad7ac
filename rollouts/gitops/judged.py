"""Objects that their own controller would refuse: a sync does not bring them, and says which and why before it begins.

Who knows the rules is another room; its verdict is handed in. What is invalid in the cluster already and does not
change stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from rollouts.gitops.keys import Key
from rollouts.gitops.wanted import Desired
from rollouts.kube.ref import Manifest

Judge: TypeAlias = Callable[[Sequence[Manifest]], tuple[tuple[str, ...], ...]]
"""For each manifest, what is wrong with it: field, sentence and mend in one text."""

TEMPLATES = frozenset({("argoproj.io", "AnalysisTemplate"), ("argoproj.io", "ClusterAnalysisTemplate")})
TOLD_MAX = 5


def problems(desired: Desired, judge: Judge) -> dict[Key, tuple[str, ...]]:
    """What is wrong with the objects of git, by object."""
    found = judge([one.manifest for one in desired.objects])
    return {
        one.key: tuple(f"{one.place}{one.key.kind}/{one.key.name or one.generate_name}: {said}" for said in told)
        for one, told in zip(desired.objects, found, strict=True)
        if told
    }


def refusal(found: Mapping[Key, tuple[str, ...]], changing: Collection[Key]) -> str:
    """Why nothing is synced, "" where nothing that changes is wrong.

    A template that changes may be what breaks a Rollout that does not.
    """
    if not found:
        return ""
    is_template_changing = any((key.group, key.kind) in TEMPLATES for key in changing)
    told = [said for key, each in found.items() if key in changing or is_template_changing for said in each]
    if not told:
        return ""
    more = f"; and {len(told) - TOLD_MAX} more" if len(told) > TOLD_MAX else ""
    return f"nothing is written, for a controller would refuse it: {'; '.join(told[:TOLD_MAX])}{more}"
