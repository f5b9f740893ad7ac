"""What `argocd-cm` and `argocd-cmd-params-cm` say to every Application, as far as it concerns a sync."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rollouts.api.application import IgnoreDifference
from rollouts.core.reader import Reader
from rollouts.gitops import tracking
from rollouts.gitops.diff import ignore
from rollouts.gitops.diff.ignore import Rule
from rollouts.gitops.health import custom
from rollouts.gitops.health.table import Check
from rollouts.gitops.keys import Key
from rollouts.kit import glob, strictyaml
from rollouts.kube import kinds
from rollouts.kube.ref import Ref

SETTINGS, PARAMETERS = "argocd-cm", "argocd-cmd-params-cm"
HEALTH = "resource.customizations.health."
IGNORE = "resource.customizations.ignoreDifferences."
EXCLUSIONS, INCLUSIONS = "resource.exclusions", "resource.inclusions"
IMPERSONATION = "application.sync.impersonation.enabled"
METHOD, LABEL_KEY = "application.resourceTrackingMethod", "application.instanceLabelKey"
ANNOTATION, BOTH, BY_LABEL = "annotation", "annotation+label", "label"
TIMEOUT = "controller.sync.timeout.seconds"
_LISTS = ("jsonPointers", "jqPathExpressions", "managedFieldsManagers")


@dataclass(frozen=True, slots=True)
class Settings:
    """checks: health by group and kind.  ignores: differences that count for no Application.

    label: one by which objects name their Application beside the annotation, "" for none.
    exclusions, inclusions: groups and kinds that are left alone, and those beside which all are.  is_heard: whether
    the settings could be read at all.  wrong: settings that say nothing that is known.
    """

    checks: Mapping[tuple[str, str], Check] = field(default_factory=dict)
    ignores: tuple[Rule, ...] = ()
    exclusions: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    inclusions: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    impersonates: bool = False
    sync_timeout_s: float = 0.0
    label: str = ""
    is_heard: bool = True
    wrong: tuple[str, ...] = ()

    def excludes(self, key: Key) -> bool:
        """Whether objects of a kind are left alone by every Application."""
        if any(_names(each, key) for each in self.exclusions):
            return True
        return bool(self.inclusions) and not any(_names(each, key) for each in self.inclusions)


def settings_of(reader: Reader, control_namespace: str) -> Settings:
    """The settings as they stand; nothing is set while ConfigMaps cannot be read."""
    if not reader.knows(kinds.CONFIG_MAP):
        return Settings(is_heard=False)
    words = _data(reader, control_namespace, SETTINGS)
    parameters = _data(reader, control_namespace, PARAMETERS)
    if not words and not parameters:
        return NOTHING
    checks: dict[tuple[str, str], Check] = {}
    rules: list[Rule] = []
    wrong: list[str] = []
    for name, text in words.items():
        if name.startswith(HEALTH):
            if check := custom.known_check(text):
                checks[_kind(name.removeprefix(HEALTH))] = check
            else:
                wrong.append(f"{SETTINGS}: {name} is no Lua")
        elif name.startswith(IGNORE):
            found, said = _ignores(name.removeprefix(IGNORE), text)
            rules += found
            wrong += (f"{SETTINGS}: {name}: {each}" for each in said)
    method = words.get(METHOD, ANNOTATION).strip()
    if method not in (ANNOTATION, BOTH, BY_LABEL, ""):
        wrong.append(f"{SETTINGS}: {METHOD}: {method} is none of {ANNOTATION}, {BOTH}, {BY_LABEL}")
    kinds_said = {name: _kinds(words.get(name, "")) for name in (EXCLUSIONS, INCLUSIONS)}
    wrong += (f"{SETTINGS}: {name} is no list of kinds" for name, found in kinds_said.items() if found is None)
    return Settings(
        checks,
        tuple(rules),
        kinds_said[EXCLUSIONS] or (),
        kinds_said[INCLUSIONS] or (),
        impersonates=words.get(IMPERSONATION, "").strip().lower() == "true",
        sync_timeout_s=_seconds(parameters.get(TIMEOUT, "")),
        label=words.get(LABEL_KEY, tracking.LABEL) if method in (BOTH, BY_LABEL) else "",
        wrong=tuple(wrong),
    )


NOTHING = Settings()
"""What holds where nobody has set anything."""


def _data(reader: Reader, namespace: str, name: str) -> dict[str, str]:
    found = reader.get(Ref(kinds.CONFIG_MAP, namespace, name))
    data = found.get("data") if found else None
    return {key: text for key, text in data.items() if isinstance(text, str)} if isinstance(data, Mapping) else {}


def _kind(text: str) -> tuple[str, str]:
    """`<group>_<Kind>`, or `<Kind>` alone for the core group."""
    group, _, kind = text.rpartition("_")
    return group, kind


@lru_cache(maxsize=256)
def _ignores(name: str, text: str) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The rules of one kind, or of `all` kinds."""
    group, kind = ("*", "*") if name == "all" else _kind(name)
    value = _yaml(text)
    if not isinstance(value, Mapping):
        return (), ("an object is wanted",)
    lists = {name: value.get(name) or [] for name in _LISTS}
    if not all(isinstance(each, list) and all(isinstance(word, str) for word in each) for each in lists.values()):
        return (), ("lists of texts are wanted",)
    return ignore.read((IgnoreDifference.model_validate({"group": group, "kind": kind, **lists}),))


@lru_cache(maxsize=64)
def _kinds(text: str) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] | None:
    """(groups, kinds) of each entry, empty for any; None where it is no such list."""
    value = _yaml(f"items:\n{text}" if text.lstrip().startswith("-") else f"items: {text or '[]'}")
    listed = value.get("items") if isinstance(value, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        return None
    # An entry for some other cluster is none of ours.
    mine = [each for each in listed if _is_here(each.get("clusters"))]
    return tuple((_words(each.get("apiGroups")), _words(each.get("kinds"))) for each in mine)


def _is_here(clusters: Any) -> bool:
    here = ("https://kubernetes.default.svc", "in-cluster")
    return not clusters or any(glob.matches(each, name) for each in _words(clusters) for name in here)


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _names(entry: tuple[tuple[str, ...], tuple[str, ...]], key: Key) -> bool:
    groups, names = entry
    return (not groups or any(glob.matches(each, key.group) for each in groups)) and (
        not names or any(glob.matches(each, key.kind) for each in names)
    )


def _yaml(text: str) -> Any:
    try:
        documents = strictyaml.read(text, SETTINGS)
    except strictyaml.YamlError:
        return None
    return documents[0].value if documents else None


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0
