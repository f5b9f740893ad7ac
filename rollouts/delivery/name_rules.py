"""Names of the objects that a spec names: what no object can be called is a slip of the pen, told where it was made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rollouts.api.parse import shown
from rollouts.api.rollout import RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.delivery.reference_rules import ingresses_at, ingresses_named, services_named
from rollouts.delivery.template_rules import analyses_of

LABEL_MAX = 63
SUBDOMAIN_MAX = 253
_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL = re.compile(_PART, re.ASCII)
_SUBDOMAIN = re.compile(rf"{_PART}(\.{_PART})*", re.ASCII)
_CHARACTERS = "lower case letters, digits, '-'{} and begins and ends with a letter or digit, {} characters at most"
_LABEL_TEXT = "a Service's name consists of " + _CHARACTERS.format("", LABEL_MAX)
_SUBDOMAIN_TEXT = "a name consists of " + _CHARACTERS.format(" and '.'", SUBDOMAIN_MAX)


def names(spec: RolloutSpec) -> Iterator[Refusal]:
    """Services, Ingresses, templates and the workload have names that an object can have."""
    for field, name in services_named(spec).items():
        if len(name) > LABEL_MAX or not _LABEL.fullmatch(name):
            yield _refusal(f"spec.strategy.{field}", name, _LABEL_TEXT)
    for at, name in _others(spec):
        if name and (len(name) > SUBDOMAIN_MAX or not _SUBDOMAIN.fullmatch(name)):
            yield _refusal(at, name, _SUBDOMAIN_TEXT)


def _others(spec: RolloutSpec) -> Iterator[tuple[str, str]]:
    for name in ingresses_named(spec):
        yield ingresses_at(spec), name
    for asked in analyses_of(spec):
        for template in asked.analysis.templates:
            yield asked.at, template.template_name
    if spec.workload_ref is not None:
        yield "spec.workloadRef.name", spec.workload_ref.name


def _refusal(at: str, name: str, text: str) -> Refusal:
    return Refusal("NameInvalid", at, text, fix="write the name as kubectl shows it", got=shown(name))
