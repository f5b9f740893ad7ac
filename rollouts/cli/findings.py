"""What is wrong in manifests on disk: the controller's own validator, with file, line and the mend.

References are looked up among the files that are given. What is not among them may well be in the cluster, so that is
a warning; everything that the controller would refuse is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from analysis.errors import AnalysisError
from analysis.templates import TemplateName, flatten, nested
from rollouts import experiments
from rollouts.api.parse import PARSERS, Parsed
from rollouts.api.rollout import RolloutSpec
from rollouts.cli.windowlint import window_findings
from rollouts.core.errors import Refusal
from rollouts.delivery.reference_rules import REFERENCE_RULES, References, services_named
from rollouts.delivery.router_rules import retired
from rollouts.delivery.rules import refusals
from rollouts.kit.parts import part
from rollouts.kit.strictyaml import Document, YamlError, read
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest
from rollouts.runs import judge

Severity: TypeAlias = Literal["error", "warning", "hint"]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_NAME_MAX = 253
_ACTION = re.compile(r"\{\{.*\}\}")
_RENDER_FIRST = "a template is read once it is rendered: helm template CHART | rollouts lint -"
_ABSENT = frozenset({"ServiceNotFound", "IngressNotFound", "TemplateNotFound"})
_PARTS = frozenset({"kind", "metadata", "spec"})  # what has none of them is some other program's: values, Chart.yaml
_TEMPLATE_KINDS = ("AnalysisTemplate", "ClusterAnalysisTemplate")
_JUDGED = (*_TEMPLATE_KINDS, "AnalysisRun")


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read. name: how findings call it."""

    name: str
    content: bytes | str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. field: path in the object, "" for all of it.  subject: `Rollout/web`, "" for a whole file."""

    file: str
    line: int
    column: int
    subject: str
    field: str
    reason: str
    text: str
    fix: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class _Object:
    """One of our objects, read strictly."""

    document: Document
    kind: str
    name: str
    namespace: str
    parsed: Parsed[Any]


def lint(sources: Iterable[Source]) -> tuple[Finding, ...]:
    """Everything that is wrong in these files, in the order of files and lines."""
    findings: list[Finding] = []
    documents: list[Document] = []
    for source in sources:
        try:
            documents += read(source.content, source.name)
        except YamlError as error:
            place = (error.source, error.line, error.column)
            fix = _RENDER_FIRST if _is_template(source.content) else ""
            findings.append(Finding(*place, "", "", "YamlInvalid", error.text, fix, "error"))
    order = {document.source: index for index, document in enumerate(documents)}
    objects = [_read(document) for document in documents if _is_ours(document.value)]
    for document in documents:
        findings += _identity(document)
        findings += (_finding(document, refusal, severity) for refusal, severity in window_findings(document.value))
    findings += _twice(objects)
    around = _Around.of(documents, objects)
    for each in objects:
        findings += _judge(each, around)
    return tuple(sorted(findings, key=lambda found: (order.get(found.file, -1), found.file, found.line, found.column)))


def _is_template(content: bytes | str) -> bool:
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    return _ACTION.search(text) is not None


def _is_ours(manifest: Manifest) -> bool:
    return str(manifest.get("apiVersion", "")).startswith(f"{kinds.GROUP}/") and manifest.get("kind") in PARSERS


def _read(document: Document) -> _Object:
    value = document.value
    meta = part(value, "metadata")
    kind = str(value["kind"])
    namespace = "" if kind == "ClusterAnalysisTemplate" else str(meta.get("namespace") or "")
    parsed = PARSERS[kind](value, strict=True)
    return _Object(document, kind, str(meta.get("name") or ""), namespace, parsed)


def _subject(manifest: Manifest) -> str:
    name = part(manifest, "metadata").get("name") or "?"
    return f"{manifest.get('kind') or '?'}/{name}"


def _finding(document: Document, refusal: Refusal, severity: Severity = "error") -> Finding:
    line, column = document.position(refusal.at)
    text = refusal.text or refusal.kind
    if refusal.got and refusal.reason != "UnknownField":
        text += f" (got {refusal.got})"
    subject = _subject(document.value)
    return Finding(document.source, line, column, subject, refusal.at, refusal.reason, text, refusal.fix, severity)


def _identity(document: Document) -> Iterator[Finding]:
    """What every object needs before anything else can be said about it."""
    value = document.value
    has_version, has_kind = bool(value.get("apiVersion")), bool(value.get("kind"))
    if not has_version or not has_kind:
        at = "kind" if has_version else "apiVersion"
        refusal = Refusal("NotAnObject", at, f"{at} is missing", fix="write apiVersion, kind and metadata.name")
        yield _finding(document, refusal, "error" if _PARTS & value.keys() else "warning")
        return
    if not str(value["apiVersion"]).startswith(f"{kinds.GROUP}/") or value["kind"] not in PARSERS:
        return
    if value["apiVersion"] != kinds.ROLLOUT.api_version:
        text = f"{value['kind']} is served as {kinds.ROLLOUT.api_version} alone"
        fix = f"apiVersion: {kinds.ROLLOUT.api_version}"
        yield _finding(document, Refusal("VersionUnknown", "apiVersion", text, fix=fix))
    meta = part(value, "metadata")
    name = meta.get("name")
    if not name and not (value["kind"] in ("AnalysisRun", "Experiment") and meta.get("generateName")):
        text = "metadata.name is missing"
        yield _finding(document, Refusal("NameMissing", "metadata.name", text, fix="give the object a name"))
    elif name and not (isinstance(name, str) and len(name) <= _NAME_MAX and _NAME.fullmatch(name)):
        text = "a name consists of lower case letters, digits, '-' and '.', and begins and ends with a letter or digit"
        yield _finding(document, Refusal("NameInvalid", "metadata.name", text, got=repr(name)))


def _twice(objects: Sequence[_Object]) -> Iterator[Finding]:
    """Objects that stand in the files more than once: whichever is applied last would win."""
    first: dict[tuple[str, str, str], Document] = {}
    for each in objects:
        known = first.setdefault((each.kind, each.namespace, each.name), each.document)
        if known is not each.document and each.name:
            line, _ = known.position("metadata.name")
            text = f"this {each.kind} is also in {known.source}, line {line}"
            yield _finding(each.document, Refusal("GivenTwice", "metadata.name", text, fix="keep one of them"))


@dataclass(frozen=True, slots=True)
class _Around:
    """What the files hold that a Rollout may refer to, by namespace and name."""

    services: Mapping[tuple[str, str], Manifest]
    ingresses: Mapping[tuple[str, str], Manifest]
    templates: Mapping[tuple[str, bool, str], Manifest]
    users: Mapping[tuple[str, str], tuple[str, ...]]
    controllers: Mapping[str, str]

    @classmethod
    def of(cls, documents: Sequence[Document], objects: Sequence[_Object]) -> _Around:
        """The index of everything that was given."""
        named: dict[str, dict[tuple[str, str], Manifest]] = {"Service": {}, "Ingress": {}, "IngressClass": {}}
        for value in (document.value for document in documents):
            meta = part(value, "metadata")
            if value.get("kind") in named:
                place = (str(meta.get("namespace") or ""), str(meta.get("name") or ""))
                named[str(value["kind"])][place] = value
        users: dict[tuple[str, str], tuple[str, ...]] = {}
        templates: dict[tuple[str, bool, str], Manifest] = {}
        for each in objects:
            if each.kind in _TEMPLATE_KINDS:
                key = (each.namespace, each.kind == "ClusterAnalysisTemplate", each.name)
                templates[key] = each.document.value
            elif each.kind == "Rollout" and each.parsed.spec:
                for service in services_named(each.parsed.spec).values():
                    users[each.namespace, service] = (*users.get((each.namespace, service), ()), each.name)
        classes = {name: str(part(value, "spec").get("controller", ""))
                   for (_, name), value in named["IngressClass"].items()}  # fmt: skip
        return cls(named["Service"], named["Ingress"], templates, users, classes)

    def references(self, rollout: _Object, spec: RolloutSpec) -> References:
        """What one Rollout with that spec finds around it."""
        space = rollout.namespace
        others = {
            service: next((name for name in names if name != rollout.name), "")
            for (namespace, service), names in self.users.items()
            if namespace == space
        }
        return References(
            rollout.name,
            spec,
            services={name: value for (namespace, name), value in self.services.items() if namespace == space},
            ingresses={name: value for (namespace, name), value in self.ingresses.items() if namespace == space},
            templates=self.templates_for(space),
            other_users=others,
            controllers=self.controllers,
        )

    def templates_for(self, namespace: str) -> dict[tuple[bool, str], Manifest]:
        """The templates that an object of that namespace may name."""
        return {(is_cluster, name): value for (space, is_cluster, name), value in self.templates.items()
                if is_cluster or space == namespace}  # fmt: skip


def _judge(each: _Object, around: _Around) -> Iterator[Finding]:
    if each.kind == "Rollout":
        yield from _rollout(each, around)
        return
    yield from (_finding(each.document, refusal) for refusal in each.parsed.refusals)
    if each.kind in _JUDGED and isinstance(each.document.value.get("spec"), Mapping):
        yield from _analysis(each, around)
    if each.kind == "Experiment" and each.parsed.spec is not None:
        found = experiments.judge(each.parsed.name, each.parsed.spec)
        yield from (_finding(each.document, refusal) for refusal in found)


def _rollout(each: _Object, around: _Around) -> Iterator[Finding]:
    found = refusals(each.parsed, None)
    yield from (_finding(each.document, refusal) for refusal in found)
    if found or each.parsed.spec is None:
        return
    yield from (_finding(each.document, refusal, "warning") for refusal in retired(each.parsed.spec))
    for refusal in REFERENCE_RULES.all(around.references(each, each.parsed.spec)):
        is_absent = refusal.reason in _ABSENT
        told = replace(refusal, text=f"{refusal.text} in these files") if is_absent else refusal
        yield _finding(each.document, told, "warning" if is_absent else "error")


def _analysis(each: _Object, around: _Around) -> Iterator[Finding]:
    """A template or a run by itself: its metrics, its arguments, and what it nests."""
    spec = each.document.value["spec"]
    args = None if each.parsed.spec is None else each.parsed.spec.args
    for refusal, severity in judge(spec, args, is_run=each.kind == "AnalysisRun"):
        yield _finding(each.document, refusal, severity)
    if args is not None and nested(spec):
        yield from _nested(each, spec, around)


def _nested(each: _Object, spec: Mapping[str, Any], around: _Around) -> Iterator[Finding]:
    templates = around.templates_for(each.namespace)
    own = TemplateName(each.name, each.kind == "ClusterAnalysisTemplate")

    def find(wanted: TemplateName) -> Mapping[str, Any] | None:
        found = spec if wanted == own else templates.get((wanted.cluster_scope, wanted.name), {}).get("spec")
        return part(found) if found is not None else None

    try:
        flatten((own,), find)
    except AnalysisError as error:
        is_absent = str(error).endswith("not found")
        reason = "TemplateNotFound" if is_absent else "TemplateCycle"
        text = f"{error} in these files" if is_absent else str(error)
        yield _finding(each.document, Refusal(reason, "spec.templates", text), "warning" if is_absent else "error")
