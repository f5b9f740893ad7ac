"""A very small world: objects in a dict, ReplicaSets that get their pods, and a loop that carries plans out.

It keeps the house's laws visible (one write at a time, preconditions, a clock that stands still within a turn) and
checks after every write that traffic never points at nobody. It knows nothing of Kubernetes beyond that.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from rollouts import traffic
from rollouts.core.plan import Answer, Create, Delete, Evict, Note, Patch, Plan
from rollouts.core.stepcall import StepCall
from rollouts.delivery import StatusCompat, gather, reconcile
from rollouts.delivery.scaling import Limits, limits
from rollouts.kit import jsonpatch, mergepatch
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from tests.builders import APP, NAMESPACE, the_usual

START = Instant.parse("2026-03-01T12:00:00.250000Z")
WEB = Ref(kinds.ROLLOUT, NAMESPACE, APP)
HASH = "rollouts-pod-template-hash"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
TURNS_MAX = 400


class World:
    """Also the Reader that `gather` gets. ready_s: how long pods take; broken: ReplicaSets whose pods never do."""

    def __init__(self, *objects: Mapping[str, Any], ready_s: float = 0.3) -> None:
        self.now = START
        self.ready_s = ready_s
        self.broken: set[str] = set()
        self.objects: dict[Ref, Manifest] = {}
        self.writes: Counter[str] = Counter()
        self.letters: list[Plan] = []
        self.notes: list[Note] = []
        self.weights: list[int] = []
        self.refusing: Callable[[Any], bool] = lambda action: False
        self.words = ""  # with which the API server refuses; "" says nothing, as in a conflict
        self.refused_words: dict[Ref, str] = {}
        self.knows_pods = True
        self.evicted: list[str] = []
        self.budget = 1000  # pods that a disruption budget lets go
        self.born_pods = 1
        self.compat: StatusCompat | None = None  # for whom statuses are written
        self.plugin: Callable[[StepCall], Any] = lambda call: {"phase": "Successful"}
        self.calls: list[tuple[str, int]] = []  # (operation, step) of each call to a step plugin
        self._answers: dict[str, Answer] = {}
        self.known_since_first: dict[str, Instant] = {}
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)
        self._due: dict[Ref, Instant] = {}
        self._parsed: dict[Any, Any] = {}
        self._stuck = 0
        for each in (*the_usual(), *objects):
            self.add(each)

    # The Reader.

    def get(self, ref: Ref) -> Manifest | None:
        return self.objects.get(ref)

    def owned_by(self, kind: Kind, uid: str) -> tuple[Manifest, ...]:
        return tuple(each for each in self.of(kind) if obj.controller_uid(each) == uid)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> tuple[Manifest, ...]:
        return tuple(
            each
            for each in self.of(kind)
            if obj.namespace(each) == namespace and labels.items() <= obj.labels(each).items()
        )

    def answer(self, ask_id: str) -> Answer | None:
        return self._answers.get(ask_id)

    def refused(self, ref: Ref) -> str:
        return self.refused_words.get(ref, "")

    def recalled(self) -> Any:
        return None

    def nudged_at(self) -> None:
        return None

    def known_since(self, word: str) -> Instant | None:
        return self.known_since_first.get(word)

    def knows(self, kind: Kind) -> bool:
        return self.knows_pods

    def complaint(self, kind: Kind) -> str:
        return ""

    def parsed(self, manifest: Manifest, parse: Callable[[Manifest], Any]) -> Any:
        at = (obj.uid(manifest), obj.generation(manifest), parse)
        if at not in self._parsed:
            self._parsed[at] = parse(manifest)
        return self._parsed[at]

    # What people and other controllers do.

    def of(self, kind: Kind) -> list[Manifest]:
        return [self.objects[ref] for ref in sorted(self.objects, key=str) if ref.kind == kind]

    def add(self, manifest: Mapping[str, Any]) -> Ref:
        kind = kinds.known(manifest["apiVersion"], manifest["kind"]) or next(
            each
            for each in traffic.VERSIONS
            if (each.api_version, each.name) == (manifest["apiVersion"], manifest["kind"])
        )
        assert kind is not None
        meta = {
            **manifest["metadata"],
            "uid": f"uid-{next(self._uids)}",
            "resourceVersion": str(next(self._versions)),
            "generation": 1,
            "creationTimestamp": self.now.rfc3339_whole(),
        }
        ref = obj.ref(kind, manifest)
        assert ref not in self.objects, f"{ref} stands there already"
        self.objects[ref] = {**manifest, "metadata": meta}
        self._touched(ref)
        return ref

    def patch(self, ref: Ref, body: Mapping[str, Any]) -> None:
        self.replace(ref, mergepatch.apply(self.objects[ref], body))

    def replace(self, ref: Ref, after: dict[str, Any]) -> None:
        """What the API server stores, with its own marks of a change."""
        before = self.objects[ref]
        if after == before:
            return
        generation = obj.generation(before) + (after.get("spec") != before.get("spec"))
        after["metadata"] = {
            **after["metadata"],
            "resourceVersion": str(next(self._versions)),
            "generation": generation,
        }
        self.objects[ref] = after
        self._touched(ref)

    def set_image(self, image: str) -> None:
        template = mergepatch.apply(self.rollout["spec"]["template"], {})
        template["spec"] = {"containers": [{**template["spec"]["containers"][0], "image": image}]}
        self.patch(WEB, {"spec": {"template": template}})

    def command(self, **status: Any) -> None:
        self.patch(WEB, {"status": status})

    def set_pods(self, name: str, available: int) -> None:
        """Pods die or come back, whatever the ReplicaSet wants."""
        ref = Ref(kinds.REPLICA_SET, NAMESPACE, name)
        self.patch(ref, {"status": {"readyReplicas": available, "availableReplicas": available}})

    def finish_run(self, name: str, phase: str, message: str = "") -> None:
        self.patch(Ref(kinds.ANALYSIS_RUN, NAMESPACE, name), {"status": {"phase": phase, "message": message}})

    # What is there.

    @property
    def rollout(self) -> Any:
        return self.objects[WEB]

    @property
    def status(self) -> Any:
        return self.rollout.get("status") or {}

    @property
    def weight(self) -> int:
        ingress = self.objects.get(Ref(kinds.INGRESS, NAMESPACE, f"{APP}-{APP}-canary"))
        return int(obj.annotations(ingress).get(WEIGHT, 0)) if ingress else 0

    def selects(self, service: str) -> str:
        selector = self.objects[Ref(kinds.SERVICE, NAMESPACE, f"{APP}-{service}")]["spec"]["selector"]
        return str(selector.get(HASH, ""))

    def sizes(self) -> dict[str, int]:
        """Image tag → wanted pods."""
        return {
            each["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[-1]: each["spec"]["replicas"]
            for each in self.of(kinds.REPLICA_SET)
        }

    def set_named(self, tag: str) -> Manifest:
        return next(
            each
            for each in self.of(kinds.REPLICA_SET)
            if each["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f":{tag}")
        )

    def hash_of(self, tag: str) -> str:
        return obj.labels(self.set_named(tag))[HASH]

    def runs(self) -> list[str]:
        return [obj.name(each) for each in self.of(kinds.ANALYSIS_RUN)]

    def reasons(self) -> list[str]:
        return [note.reason for note in self.notes]

    # The loop.

    def turn(self) -> Plan:
        """One look; the plan is carried out up to the first refusal."""
        seen = gather(WEB, self, compat=self.compat)
        plan = reconcile(seen, self.now) if seen is not None else Plan()
        plan.check(self.now)
        self.letters.append(plan)
        for number, action in enumerate(plan.writes):
            if self.refusing(action):
                self._stuck = 0 if number else self._stuck + 1
                if self.words:
                    self.refused_words[action.ref] = self.words
                return plan
            self.carry(action)
            self.refused_words.pop(action.ref, None)
        self._stuck = 0
        self.notes += plan.notes
        declined = [each for each in plan.writes if isinstance(each, Evict) and each.ref in self.objects]
        # Where a budget kept everything nothing has changed, so nobody comes round.
        return replace(plan, actions=()) if declined and len(declined) == len(plan.writes) else plan

    def carry(self, action: Any) -> None:
        kind = f"{action.ref.kind.name}{'/status' if getattr(action, 'subresource', '') else ''}"
        self.writes[kind] += 1
        former, before = self.weight, self._counts()
        match action:
            case Create():
                self.add(action.body)
            case Patch():
                found = self.objects[action.ref]
                assert (obj.uid(found), obj.version(found)) == (action.uid, action.version), action
                if isinstance(action.body, tuple):
                    self.replace(action.ref, jsonpatch.apply(self.objects[action.ref], action.body))
                    self.check_traffic(action, former)
                    return
                is_status = action.subresource == "status"
                assert all(part == "status" for part in action.body) if is_status else "status" not in action.body
                self.patch(action.ref, action.body)
            case Evict():
                self.evict(action)
            case Delete():
                del self.objects[action.ref]
        self.check_traffic(action, former)
        self._check_limits(action, before)

    def evict(self, action: Evict) -> None:
        """What the API server makes of it: a budget without room lets the pod stay, which is no failure."""
        before = self.objects[action.ref]
        assert (obj.uid(before), obj.version(before)) == (action.uid, action.version), action
        if self.budget:
            self.budget -= 1
            self.evicted.append(action.ref.name)
            del self.objects[action.ref]

    def settle(self, seconds: float = 0.0) -> None:
        """Carry plans out until nothing more is to be done; then let time pass, event by event."""
        end = self.now.plus(seconds)
        for _ in range(TURNS_MAX):
            plan = self.turn()
            if (plan.writes and self._stuck < 3) or self._ask(plan):
                continue
            moments = [moment for moment in (plan.wake, *self._due.values()) if moment is not None]
            soonest = min(moments, default=None)
            if soonest is None or soonest > end:
                self.now = end
                return
            self.now = max(self.now, soonest)
            self._play()
        raise AssertionError("the world does not come to rest:\n" + "\n---\n".join(map(str, self.letters[-6:])))

    def _ask(self, plan: Plan) -> bool:
        """Answer what is asked of step plugins; whether anything was."""
        fresh = [ask for ask in plan.asks if ask.id not in self._answers]
        for ask in fresh:
            assert isinstance(ask.question, StepCall)
            self.calls.append((ask.question.operation, ask.question.index))
            value, error = None, ""
            try:
                value = self.plugin(ask.question)
            except RuntimeError as problem:
                error = str(problem)
            if value is not None or error:  # None: it does not answer
                self._answers[ask.id] = Answer(ask.id, self.now, self.now, value, error)
        return any(ask.id in self._answers for ask in fresh)

    def until(self, phase: str, seconds: float = 120.0) -> None:
        """Let time pass in small steps until the Rollout is in a phase."""
        end = self.now.plus(seconds)
        while self.status.get("phase") != phase:
            assert self.now < end, f"still {self.status.get('phase')} - {self.status.get('message')}"
            self.settle(0.5)

    def _touched(self, ref: Ref) -> None:
        if ref.kind == kinds.INGRESS and ref.name.endswith("-canary"):
            self.weights.append(int(obj.annotations(self.objects[ref]).get(WEIGHT, 0)))
        if ref.kind != kinds.REPLICA_SET:
            return
        manifest = self.objects[ref]
        wanted, status = manifest["spec"]["replicas"], manifest.get("status") or {}
        kept = min(wanted, status.get("availableReplicas", 0))
        if status.get("replicas") != wanted:
            body = {"replicas": wanted, "readyReplicas": kept, "availableReplicas": kept}
            self.objects[ref] = mergepatch.apply(manifest, {"status": body})
        if kept < wanted and ref.name not in self.broken:
            self._due[ref] = self.now.plus(self.ready_s)

    def _play(self) -> None:
        for ref in [ref for ref, due in self._due.items() if due <= self.now]:
            del self._due[ref]
            if ref in self.objects and ref.name not in self.broken:
                wanted = self.objects[ref]["spec"]["replicas"]
                self.patch(ref, {"status": {"readyReplicas": wanted, "availableReplicas": wanted}})

    def check_traffic(self, action: Any, former: int) -> None:
        """S1, S2, S4, S5, S7 for a write of ours: never worse for the traffic than it found it."""
        assert 0 <= self.weight <= 100
        replicas = self.rollout["spec"].get("replicas", 1) if WEB in self.objects else 0
        is_routed = action.ref.kind in traffic.VERSIONS
        if not (is_routed or action.ref.kind == kinds.REPLICA_SET) or not replicas:
            return
        pods = {obj.labels(each).get(HASH): self._pods(each) for each in self.of(kinds.REPLICA_SET)}
        canary, stable = pods.get(self.selects("canary"), 0), pods.get(self.selects("stable"), 0)
        if is_routed and self.weight > former:
            needed = 1 if self._user_sizes else max(1, -(-replicas * self.weight // 100))
            assert canary >= needed, f"too few canary pods for {action}"
        if is_routed and self.weight < former and self.selects("stable"):
            is_same = self.selects("stable") == self.selects("canary")
            enough = -(-replicas * (100 - self.weight) // 100)
            assert stable >= enough or not canary or is_same, f"too few stable pods for {action}"
        if action.ref.kind == kinds.SERVICE and action.ref.name.endswith("-canary") and self.weight:
            assert canary, f"weight {self.weight} is led to nobody by {action}"
        if action.ref.kind == kinds.SERVICE and action.ref.name.endswith("-stable"):
            assert stable or not self.selects("stable"), f"the stable Service is led to nobody by {action}"
        if action.ref.kind == kinds.REPLICA_SET:
            self._check_sizes(action, replicas)

    def _check_sizes(self, action: Any, replicas: int) -> None:
        wanted = {obj.labels(each).get(HASH): each["spec"]["replicas"] for each in self.of(kinds.REPLICA_SET)}
        for service in ("canary", "stable"):
            if (selected := self.selects(service)) and isinstance(action, Patch):
                spec = action.body.get("spec") or {}
                changed = self.objects[action.ref]
                if spec.get("replicas") == 0 and obj.labels(changed)[HASH] == selected and self._least() != 0:
                    raise AssertionError(f"{action} takes the pods that Service {service} selects")
        stable, canary = self.status.get("stableRS"), self.rollout["spec"]["strategy"].get("canary") or {}
        if not stable or stable not in wanted or not isinstance(action, Patch):
            return
        if canary.get("trafficRouting") is not None and action.ref.name.endswith(f"-{stable}"):
            least = -(-replicas * (100 - self.weight) // 100) if canary.get("dynamicStableScale") else replicas
            is_done = stable == self.status.get("currentPodHash")
            assert wanted[stable] >= least or is_done, f"{action} leaves the stable version short"

    @property
    def _user_sizes(self) -> bool:
        """Whether the user says how many pods are enough for a weight, in place of its share."""
        canary = self.rollout["spec"]["strategy"].get("canary") or {}
        return "replicaProgressThreshold" in canary or any("setCanaryScale" in step for step in canary.get("steps", ()))

    def _least(self) -> int | None:
        """Pods that the user cannot do without; None where a router, or nothing, looks after that."""
        return within.least if (within := self._limits()) else None

    def _limits(self) -> Limits | None:
        spec = self.rollout["spec"] if WEB in self.objects else {}
        canary = (spec.get("strategy") or {}).get("canary")
        if canary is None or canary.get("trafficRouting") is not None:
            return None
        return limits(spec.get("replicas", 1), canary.get("maxSurge", "25%"), canary.get("maxUnavailable", "25%"))

    def _check_limits(self, action: Any, before: Mapping[str, tuple[int, int]]) -> None:
        """S6: a canary without a router stays between maxSurge and maxUnavailable."""
        if (within := self._limits()) is None:
            return
        after = self._counts()
        asked, was = (sum(each for each, _ in counts.values()) for counts in (after, before))
        assert asked <= max(within.most, was), f"{action} asks for {asked} pods of {within.most}"
        serving, did = (sum(each for _, each in counts.values()) for counts in (after, before))
        assert serving >= min(within.least, did), f"{action} leaves {serving} pods of {within.least}"

    def _counts(self) -> dict[str, tuple[int, int]]:
        return {obj.name(each): (each["spec"]["replicas"], self._pods(each)) for each in self.of(kinds.REPLICA_SET)}

    @staticmethod
    def _pods(manifest: Manifest) -> int:
        return min((manifest.get("status") or {}).get("availableReplicas", 0), manifest["spec"]["replicas"])


def deployed(rollout: Mapping[str, Any], *objects: Mapping[str, Any], ready_s: float = 0.3) -> World:
    """A world in which the first version is fully there and nothing is left to do."""
    world = World(*objects, rollout, ready_s=ready_s)
    world.settle(60.0)
    assert world.status["phase"] == "Healthy", world.status
    return world
