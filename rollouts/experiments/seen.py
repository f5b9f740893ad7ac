"""What one Experiment looks like now: its sets of pods, their Services, its analyses, and what is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from analysis.templates import NESTING_MAX, nested
from rollouts.api.experiment import ExperimentAnalysis, ExperimentSpec, TemplateSpec
from rollouts.api.parse import parse_experiment
from rollouts.core.errors import Refusal
from rollouts.core.reader import Reader
from rollouts.experiments import marks, rules, status
from rollouts.experiments.state import State
from rollouts.kit import canonical
from rollouts.kit.instant import Instant
from rollouts.kube import kinds, podtemplate
from rollouts.kube import object as obj
from rollouts.kube.owners import is_controlled_by
from rollouts.kube.ref import Kind, Manifest, Ref

NAMES_MAX = 100


@dataclass(frozen=True, slots=True)
class SetSeen:
    """A ReplicaSet of the Experiment, as its controller counted it. wanted: spec.replicas."""

    manifest: Manifest
    name: str
    hash: str
    wanted: int
    pods: int
    updated: int
    ready: int
    available: int
    deadline: Instant | None


@dataclass(frozen=True, slots=True)
class Place:
    """A name at which something of the Experiment's is to stand.

    own: what stands there and is ours.  is_taken: something else is there for good.  is_blocked: one is there
    that is on its way out.  refused: why the API server last refused to make it, "" where it did not.
    """

    ref: Ref
    own: Manifest | None = None
    is_taken: bool = False
    is_blocked: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class TemplateSeen:
    """One set of pods: what is asked for, and what is there. hash: what its pods bear, or will."""

    spec: TemplateSpec
    hash: str
    set: SetSeen | None
    place: Place
    service: Place | None

    @property
    def name(self) -> str:
        """The template's name."""
        return self.spec.name

    @property
    def replicas(self) -> int:
        """The pods that it asks for."""
        return 1 if self.spec.replicas is None else self.spec.replicas

    @property
    def is_available(self) -> bool:
        """Whether all of its pods are there, and its Service."""
        has_service = self.service is None or self.service.own is not None
        return self.set is not None and has_service and min(self.set.available, self.set.wanted) >= self.replicas


@dataclass(frozen=True, slots=True)
class AnalysisSeen:
    """One analysis. free: the first name that nobody has.  run: the AnalysisRun of the remembered name.

    is_lost: the remembered name belongs to somebody else's run.
    """

    spec: ExperimentAnalysis
    free: str
    run: Manifest | None = None
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class ExperimentSeen:
    """An Experiment and all that concerns it. refusals: what is wrong with it; then nothing else is looked at.

    sources: the analysis templates that it names, and all that they nest, by (cluster scope, name).
    sets, services: all that it made, by the name of their template, whether the spec still names that or not.
    """

    ref: Ref
    manifest: Manifest
    spec: ExperimentSpec
    state: State
    refusals: tuple[Refusal, ...] = ()
    templates: tuple[TemplateSeen, ...] = ()
    analyses: tuple[AnalysisSeen, ...] = ()
    sources: Mapping[tuple[bool, str], Manifest | None] = field(default_factory=dict)
    sets: Mapping[str, SetSeen] = field(default_factory=dict)
    services: Mapping[str, Manifest] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """Who this Experiment is; a namesake that came later is another."""
        return obj.uid(self.manifest)


_EMPTY = ExperimentSpec.model_validate({})


def gather(ref: Ref, reader: Reader) -> ExperimentSeen | None:
    """The Experiment and what it made, or None where it is gone."""
    manifest = reader.get(ref)
    if manifest is None:
        return None
    uid = obj.uid(manifest)
    sets = {name: set_seen(each) for name, each in _made(kinds.REPLICA_SET, uid, reader)}
    services = dict(_made(kinds.SERVICE, uid, reader))
    parsed = reader.parsed(manifest, parse_experiment)
    spec = parsed.spec or _EMPTY
    state = status.read(manifest, spec)
    if refusals := parsed.refusals or tuple(rules.judge(ref.name, spec)):
        return ExperimentSeen(ref, manifest, spec, state, refusals, sets=sets, services=services)
    return ExperimentSeen(
        ref=ref,
        manifest=manifest,
        spec=spec,
        state=state,
        templates=tuple(
            _template(manifest, each, sets.get(each.name), state.templates[index].collisions, reader)
            for index, each in enumerate(spec.templates)
        ),
        analyses=tuple(
            _analysis(manifest, each, state.runs[index].run, reader) for index, each in enumerate(spec.analyses)
        ),
        sources=dict(_sources(ref.namespace, spec, reader)),
        sets=sets,
        services=services,
    )


def template_hash(name: str, template: TemplateSpec, collisions: int | None) -> str:
    """The pod template hash of a set: its own even where the same pods run elsewhere, so that nobody selects both.

    name: of the Experiment.
    """
    text = podtemplate.canonical_bytes(template.template or {})
    own = f"{name}/{template.name}/{collisions or 0}".encode()
    return canonical.safe_encode(canonical.fnv32a([text, own]))


def _template(
    owner: Manifest, spec: TemplateSpec, here: SetSeen | None, collisions: int | None, reader: Reader
) -> TemplateSeen:
    suffix = f"-{collisions}" if collisions else ""
    name = here.name if here else f"{obj.name(owner)}-{spec.name}{suffix}"
    service = None
    if spec.service is not None:
        ref = Ref(kinds.SERVICE, obj.namespace(owner), spec.service.name or name.replace(".", "-"))
        service = _place(owner, spec.name, ref, reader)
    return TemplateSeen(
        spec=spec,
        hash=(here and here.hash) or template_hash(obj.name(owner), spec, collisions),
        set=here,
        place=_place(owner, spec.name, Ref(kinds.REPLICA_SET, obj.namespace(owner), name), reader),
        service=service,
    )


def _made(kind: Kind, uid: str, reader: Reader) -> Iterator[tuple[str, Manifest]]:
    """Objects that the Experiment made and that are to stay, by the name of their template."""
    for each in reader.owned_by(kind, uid):
        if not obj.is_deleting(each):
            yield obj.annotations(each).get(marks.TEMPLATE, ""), each


def set_seen(manifest: Manifest) -> SetSeen:
    """A ReplicaSet read with care."""
    spec, told = manifest.get("spec") or {}, manifest.get("status") or {}
    wanted = spec.get("replicas")
    return SetSeen(
        manifest=manifest,
        name=obj.name(manifest),
        hash=obj.labels(manifest).get(marks.HASH_LABEL, ""),
        wanted=1 if wanted is None else int(wanted),
        pods=int(told.get("replicas") or 0),
        updated=int(told.get("fullyLabeledReplicas") or told.get("replicas") or 0),
        ready=int(told.get("readyReplicas") or 0),
        available=int(told.get("availableReplicas") or 0),
        deadline=Instant.parse(obj.annotations(manifest).get(marks.DEADLINE)),
    )


def _place(owner: Manifest, template: str, ref: Ref, reader: Reader) -> Place:
    there = reader.get(ref)
    if there is None:
        return Place(ref, refused=reader.refused(ref))
    if obj.is_deleting(there) or _is_of_a_predecessor(there, owner):
        return Place(ref, is_blocked=True)
    is_own = is_controlled_by(there, obj.uid(owner)) and obj.annotations(there).get(marks.TEMPLATE) == template
    return Place(ref, there) if is_own else Place(ref, is_taken=True)


def _is_of_a_predecessor(there: Manifest, owner: Manifest) -> bool:
    """Whether an object belongs to an Experiment of this name that is no more, and so will be collected."""
    return any(
        each.get("controller") and each.get("kind") == kinds.EXPERIMENT.name and each.get("name") == obj.name(owner)
        for each in there["metadata"].get("ownerReferences") or ()
        if each.get("uid") != obj.uid(owner)
    )


def _analysis(owner: Manifest, spec: ExperimentAnalysis, name: str, reader: Reader) -> AnalysisSeen:
    base = f"{obj.name(owner)}-{spec.name}"
    names = (base, *(f"{base}.{number}" for number in range(1, NAMES_MAX)))
    space = obj.namespace(owner)
    run = reader.get(Ref(kinds.ANALYSIS_RUN, space, name)) if name else None
    is_ours = run is not None and is_controlled_by(run, obj.uid(owner))
    is_lost = run is not None and not is_ours
    free = ""
    if not name or is_lost:
        free = next((each for each in names if reader.get(Ref(kinds.ANALYSIS_RUN, space, each)) is None), names[-1])
    return AnalysisSeen(spec, free, run if is_ours else None, is_lost)


def _sources(
    namespace: str, spec: ExperimentSpec, reader: Reader
) -> Iterator[tuple[tuple[bool, str], Manifest | None]]:
    wanted = [(each.cluster_scope, each.template_name) for each in spec.analyses]
    known: set[tuple[bool, str]] = set()
    for _ in range(NESTING_MAX + 1):
        inner: list[tuple[bool, str]] = []
        for cluster_scope, name in dict.fromkeys(wanted):
            known.add((cluster_scope, name))
            kind = kinds.CLUSTER_ANALYSIS_TEMPLATE if cluster_scope else kinds.ANALYSIS_TEMPLATE
            manifest = reader.get(Ref(kind, "" if cluster_scope else namespace, name))
            yield (cluster_scope, name), manifest
            inner += [(each.cluster_scope, each.name) for each in nested((manifest or {}).get("spec") or {})]
        wanted = [key for key in inner if key not in known]
