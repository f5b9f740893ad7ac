"""Phases of a sync, and what an object's annotations say of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from rollouts.kit.instant import Instant
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest

HOOK = "argocd.argoproj.io/hook"
POLICY = "argocd.argoproj.io/hook-delete-policy"
WAVE = "argocd.argoproj.io/sync-wave"
FINALIZER = "argocd.argoproj.io/hook-finalizer"
HELM_HOOK, HELM_POLICY, HELM_WEIGHT = "helm.sh/hook", "helm.sh/hook-delete-policy", "helm.sh/hook-weight"
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


class Phase(Enum):
    """When an object is applied. SKIP: never."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"
    SKIP = "Skip"


class Policy(Enum):
    """When a hook is deleted."""

    BEFORE = "BeforeHookCreation"
    SUCCEEDED = "HookSucceeded"
    FAILED = "HookFailed"


SYNCING = (Phase.PRE_SYNC, Phase.SYNC, Phase.POST_SYNC, Phase.SYNC_FAIL)
"""The phases of a sync, in order."""

_HELM: Mapping[str, Phase | None] = {
    "pre-install": Phase.PRE_SYNC, "pre-upgrade": Phase.PRE_SYNC, "post-install": Phase.POST_SYNC,
    "post-upgrade": Phase.POST_SYNC, "pre-delete": Phase.PRE_DELETE, "post-delete": Phase.POST_DELETE,
    "pre-rollback": Phase.SKIP, "post-rollback": Phase.SKIP, "test": Phase.SKIP, "test-success": Phase.SKIP,
    "test-failure": Phase.SKIP, "crd-install": None,
}  # fmt: skip
_HELM_POLICIES = {
    "before-hook-creation": Policy.BEFORE,
    "hook-succeeded": Policy.SUCCEEDED,
    "hook-failed": Policy.FAILED,
}


class HookError(ValueError):
    """An annotation that says nothing that is known."""


def phases(manifest: Manifest) -> tuple[Phase, ...]:
    """The phases in which an object is a hook; empty for an object like any other. Raises HookError."""
    marks = kube.annotations(manifest)
    if HOOK in marks:
        return tuple(dict.fromkeys(_phase(word) for word in _words(marks[HOOK])))
    found: dict[Phase, None] = {}
    for word in _words(marks.get(HELM_HOOK, "")):
        if word not in _HELM:
            raise HookError(f"{HELM_HOOK}: {word!r} is no hook of Helm")
        if phase := _HELM[word]:
            found[phase] = None
    # A hook that also does something else is not skipped.
    return tuple(found) if set(found) == {Phase.SKIP} else tuple(each for each in found if each is not Phase.SKIP)


def policies(manifest: Manifest) -> tuple[Policy, ...]:
    """When a hook is deleted; before the next one is made if nothing is said. Raises HookError."""
    marks = kube.annotations(manifest)
    if POLICY in marks:
        names = {each.value: each for each in Policy}
        unknown = [word for word in _words(marks[POLICY]) if word not in names]
        if unknown:
            raise HookError(f"{POLICY}: {unknown[0]!r} is none of {', '.join(names)}")
        found = tuple(names[word] for word in _words(marks[POLICY]))
    else:
        found = tuple(_HELM_POLICIES[word] for word in _words(marks.get(HELM_POLICY, "")) if word in _HELM_POLICIES)
    return found or (Policy.BEFORE,)


def wave(manifest: Manifest) -> int:
    """The wave of an object. Raises HookError where its annotation is no whole number."""
    marks = kube.annotations(manifest)
    for name in (WAVE, HELM_WEIGHT):
        if name in marks:
            text = str(marks[name]).strip()
            if not _WHOLE.fullmatch(text):
                raise HookError(f"{name}: {text!r} is no whole number")
            return int(text)
    return 0


def wave_or_zero(manifest: Manifest) -> int:
    """The wave of a live object, which nobody can mend any more."""
    try:
        return wave(manifest)
    except HookError:
        return 0


def generated_name(prefix: str, revision: str, phase: Phase, sync_id: str) -> str:
    """The name of a hook that has none: the same for the same sync, so that a restart finds what it made.

    sync_id: when the sync began, `#`, and how often it was tried.
    """
    began, _, tries = sync_id.partition("#")
    started = Instant.parse(began)
    suffix = "" if tries in ("", "0") else f"-{tries}"
    return f"{prefix}{revision[:7]}-{phase.value}-{int(started.seconds) if started else 0}{suffix}".lower()


def _phase(word: str) -> Phase:
    try:
        return Phase(word)
    except ValueError:
        raise HookError(f"{HOOK}: {word!r} is none of {', '.join(each.value for each in Phase)}") from None


def _words(text: object) -> list[str]:
    return [word.strip() for word in str(text).split(",") if word.strip()]
