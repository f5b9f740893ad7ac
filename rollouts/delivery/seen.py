"""What a Rollout's turn looks at, frozen; and how it is gathered from the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from rollouts.api.rollout import BlueGreenStrategy, CanaryStrategy, RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.core.plan import Answer, Patch
from rollouts.delivery import marks
from rollouts.delivery.calls import Call
from rollouts.delivery.latch import Latch
from rollouts.delivery.pods import PodSeen
from rollouts.delivery.template_rules import Templates
from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import Dialect, Route, Router, Traffic

StatusCompat: TypeAlias = Literal["argo", "kstatus", "int", "shadow"]
"""For whom a status is written. observedGeneration: a text at the top, a number in each condition, a number at the top.

shadow: beside another controller of the contract, whose status has none of the additions, so that it is no difference.
"""


@dataclass(frozen=True, slots=True)
class SetSeen:
    """A ReplicaSet of the Rollout. wanted: spec.replicas.  pods, ready, available: as its controller counted them."""

    manifest: Manifest
    name: str
    hash: str
    revision: int
    wanted: int
    pods: int
    ready: int
    available: int
    deadline: Instant | None
    is_given_up: bool = False  # it leaves because its update was aborted

    @property
    def usable(self) -> int:
        """Pods that are available and are to stay: what is being scaled away counts no more."""
        return min(self.available, self.wanted)


class Judgement:
    """How an AnalysisRun or an Experiment may end."""

    __slots__ = ()
    phase: str
    is_terminated: bool

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end."""
        return self.phase in ("Successful", "Failed", "Error", "Inconclusive")

    @property
    def has_passed(self) -> bool:
        """Whether it was successful of its own accord: one that was terminated may say so without having measured."""
        return self.phase == "Successful" and not self.is_terminated

    @property
    def is_open(self) -> bool:
        """Whether it has ended without a verdict of its own, so that a person decides."""
        return self.is_over and (self.phase == "Inconclusive" or self.is_terminated)


@dataclass(frozen=True, slots=True)
class RunSeen(Judgement):
    """An AnalysisRun of the Rollout."""

    manifest: Manifest
    name: str
    type: str
    hash: str
    step: str
    phase: str
    message: str
    is_terminated: bool


@dataclass(frozen=True, slots=True)
class GuestSeen:
    """A set of pods of an Experiment that has a Service. template: its name.  ports: of the Service."""

    template: str
    service: str
    hash: str
    usable: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExperimentSeen(Judgement):
    """An Experiment of the Rollout. carries: a router may lead to it, and these are its sets with a Service."""

    manifest: Manifest
    name: str
    hash: str
    phase: str
    message: str
    is_terminated: bool
    carries: bool = False
    guests: tuple[GuestSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """A Service that the Rollout points at its pods. hash: what it selects, "" while it tells no versions apart.

    One that the spec does not name has no name either, and selects nothing.
    """

    ref: Ref
    manifest: Manifest
    hash: str
    path: tuple[str, ...] = ()  # of the labels in an object that is no Service: a subset, a virtual node

    @property
    def is_named(self) -> bool:
        """Whether the spec names it."""
        return bool(self.ref.name)


@dataclass(frozen=True, slots=True)
class Template:
    """The pod template of the spec.

    hash: its name in this Rollout.  collides: another object has that name for good.  is_blocked: it has it until it is
    collected, because it belongs to a former Rollout of this name.  orphan: a ReplicaSet without controller that is
    exactly the one we would make.
    """

    manifest: Manifest
    hash: str
    collides: bool = False
    is_blocked: bool = False
    orphan: Manifest | None = None


@dataclass(frozen=True, slots=True)
class WorkloadSeen:
    """What spec.workloadRef names.

    before: its size before the Rollout shrank it, as far as it says.  owner: the Rollout whose mark it bears.
    """

    ref: Ref
    manifest: Manifest
    template: Manifest
    selector: Manifest
    generation: str
    wanted: int
    available: int
    before: int | None
    owner: str


@dataclass(frozen=True, slots=True)
class Former:
    """What an earlier strategy or router has left behind.

    made: objects that were made for a router.  routes: the writes that give objects of routers back.  selectors: those
    with subsets or virtual nodes that select a version.  unseen: noted objects of kinds that are not watched yet.
    """

    services: tuple[ServiceSeen, ...] = ()
    made: tuple[tuple[Ref, Manifest], ...] = ()
    routes: tuple[Patch, ...] = ()
    selectors: tuple[tuple[Ref, Manifest], ...] = ()
    unseen: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliverySeen:
    """A Rollout whose spec is right, and all that concerns it.

    current: the ReplicaSet of the spec's template.  stable: the one that proved itself.  older: the others, the newest
    revision first.  revision: the number that the current template has, or gets.  refused: objects whose write the API
    server refused, with its words.  Under blue-green, canary holds the settings that both strategies have, the active
    Service is the stable_service, and the preview Service, if any, the canary_service.
    """

    ref: Ref
    rollout: Manifest
    spec: RolloutSpec
    canary: CanaryStrategy
    blue_green: BlueGreenStrategy | None
    template: Template
    step_hash: str
    latch: Latch
    current: SetSeen | None
    stable: SetSeen | None
    older: tuple[SetSeen, ...]
    revision: int
    canary_service: ServiceSeen
    stable_service: ServiceSeen
    traffic: Traffic
    routers: tuple[tuple[Router, tuple[Route, ...]], ...]
    runs: tuple[RunSeen, ...]
    templates: Templates
    refused: Mapping[Ref, str] = field(default_factory=dict)
    pods: Mapping[str, tuple[PodSeen, ...]] | None = None  # by the uid of their ReplicaSet, where anybody needs them
    former: Former | None = None
    workload: WorkloadSeen | None = None
    followers: tuple[tuple[str, ServiceSeen], ...] = ()  # (side, what selects the same as that side's Service)
    experiments: tuple[ExperimentSeen, ...] = ()
    pause_known: Instant | None = None  # since when this process knows of the pause, if it does
    compat: StatusCompat = "argo"
    step_answers: tuple[tuple[Call, Answer], ...] = ()  # what plugins have answered to the calls under way
    unknown: tuple[str, ...] = ()  # paths of fields of the spec that this version does not know
    sets: tuple[SetSeen, ...] = field(init=False)  # every ReplicaSet, each once

    def __post_init__(self) -> None:
        firsts = (self.current, None if self.stable is self.current else self.stable)
        object.__setattr__(self, "sets", (*(each for each in firsts if each is not None), *self.older))

    @property
    def status(self) -> Mapping[str, Any]:
        """The status as it stands."""
        return self.rollout.get("status") or {}

    @property
    def uid(self) -> str:
        """The Rollout's identity."""
        return obj.uid(self.rollout)

    @property
    def replicas(self) -> int:
        """The pods that the user wants."""
        return self.spec.desired_replicas

    @property
    def is_routed(self) -> bool:
        """Whether a router shares the traffic; without one the pods' own ratio does."""
        return bool(self.routers)

    @property
    def strategy(self) -> str:
        """The strategy by its field in the spec."""
        return "canary" if self.blue_green is None else "blueGreen"

    @property
    def step_count(self) -> int:
        """How many steps there are: a canary's own, or the one stage of blue-green in which the new version waits."""
        return len(self.canary.steps) if self.blue_green is None else 1

    @property
    def carries(self) -> bool:
        """Whether any request may reach the canary Service: by weight, or by a header or mirror route."""
        return any(route.carries for _, routes in self.routers for route in routes)

    @property
    def is_verified(self) -> bool | None:
        """Whether the routers' controllers say that they serve what was written; None where none of them says."""
        said = [route.verified for _, routes in self.routers for route in routes if route.verified is not None]
        return all(said) if said else None

    @property
    def weight_low(self) -> int:
        """The smallest share that any route gives to the canary, read back."""
        return min((route.weight_low for _, routes in self.routers for route in routes), default=0)

    @property
    def weight_high(self) -> int:
        """The largest share that any route gives to the canary, read back."""
        return max((route.weight for _, routes in self.routers for route in routes), default=0)

    @property
    def selected(self) -> frozenset[str]:
        """The hashes that Services of this Rollout select, those of its former strategy too."""
        former = self.former.services if self.former else ()
        return frozenset(each.hash for each in (self.canary_service, self.stable_service, *former) if each.hash)

    def set_of(self, hash_value: str) -> SetSeen | None:
        """The ReplicaSet with that hash."""
        return next((each for each in self.sets if each.hash == hash_value), None) if hash_value else None

    def run_named(self, name: str) -> RunSeen | None:
        """The AnalysisRun of that name."""
        return next((run for run in self.runs if run.name == name), None) if name else None

    def experiment_named(self, name: str) -> ExperimentSeen | None:
        """The Experiment of that name."""
        return next((each for each in self.experiments if each.name == name), None) if name else None


@dataclass(frozen=True, slots=True)
class Refused:
    """A Rollout that says what must not be, or names what is not there. Nothing is done for it."""

    ref: Ref
    rollout: Manifest
    refusals: tuple[Refusal, ...]
    compat: StatusCompat = "argo"


@dataclass(frozen=True, slots=True)
class Farewell:
    """A Rollout that is gone, and what still bears its marks: Services, and objects of routers."""

    ref: Ref
    services: tuple[Manifest, ...]
    routes: tuple[tuple[Ref, Manifest], ...] = ()
    dialects: Mapping[str, Dialect] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A Rollout whose workload, or whose router's objects, are not known yet: nothing can be decided."""

    ref: Ref
    why: str


@dataclass(frozen=True, slots=True)
class Stray:
    """A Rollout, and its stable ReplicaSet without the owner that it should have: first of all it is taken back."""

    ref: Ref
    rollout: Manifest
    set: Manifest


@dataclass(frozen=True, slots=True)
class Parting:
    """A Rollout that is being deleted, the workload that gets its pods back, and the Services that bear its marks."""

    ref: Ref
    rollout: Manifest
    workload: WorkloadSeen | None
    services: tuple[Manifest, ...]


Seen: TypeAlias = DeliverySeen | Refused | Farewell | Parting | Waiting | Stray


def set_seen(manifest: Manifest) -> SetSeen:
    """A ReplicaSet read with care: an annotation that nobody can read counts as absent."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    annotations = obj.annotations(manifest)
    wanted = spec.get("replicas")
    return SetSeen(
        manifest=manifest,
        name=obj.name(manifest),
        hash=obj.labels(manifest).get(marks.HASH_LABEL, ""),
        revision=_number(annotations.get(marks.REVISION)),
        wanted=1 if wanted is None else int(wanted),
        pods=int(status.get("replicas") or 0),
        ready=int(status.get("readyReplicas") or 0),
        available=int(status.get("availableReplicas") or 0),
        deadline=Instant.parse(annotations.get(marks.DEADLINE)),
        is_given_up=marks.GIVEN_UP in annotations,
    )


def run_seen(manifest: Manifest) -> RunSeen:
    """An AnalysisRun as delivery reads it."""
    spec, status, labels = manifest.get("spec") or {}, manifest.get("status") or {}, obj.labels(manifest)
    return RunSeen(
        manifest=manifest,
        name=obj.name(manifest),
        type=labels.get(marks.RUN_TYPE, ""),
        hash=labels.get(marks.HASH_LABEL, ""),
        step=labels.get(marks.STEP_INDEX, ""),
        phase=str(status.get("phase") or ""),
        message=str(status.get("message") or ""),
        is_terminated=spec.get("terminate") is True,
    )


def experiment_seen(manifest: Manifest) -> ExperimentSeen:
    """An Experiment as delivery reads it."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    return ExperimentSeen(
        manifest=manifest,
        name=obj.name(manifest),
        hash=obj.labels(manifest).get(marks.HASH_LABEL, ""),
        phase=str(status.get("phase") or ""),
        message=str(status.get("message") or ""),
        is_terminated=spec.get("terminate") is True,
        carries=marks.CARRIES_TRAFFIC in obj.annotations(manifest),
    )


def service_seen(ref: Ref, manifest: Manifest) -> ServiceSeen:
    """A Service and the version that it selects."""
    selector = (manifest.get("spec") or {}).get("selector") or {}
    return ServiceSeen(ref, manifest, str(selector.get(marks.HASH_LABEL) or ""))


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10 else 0
