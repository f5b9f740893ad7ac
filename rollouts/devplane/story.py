"""What happens in the demo as values: a frame of the moment, the landmarks of the story, and how it should end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollouts.devplane.store import Commit, Store
from rollouts.kube import kinds
from rollouts.kube import object as kubeobject
from rollouts.kube.ref import Manifest, Ref

NAMESPACE = "default"
ROLLOUT = Ref(kinds.ROLLOUT, NAMESPACE, "web")
CANARY_INGRESS = Ref(kinds.INGRESS, NAMESPACE, "web-web-canary")
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
LANDMARKS_MAX = 1_000
_FRACTION = re.compile(r"(\d\.\d{3})\d+")


@dataclass(frozen=True, slots=True)
class Frame:
    """The Rollout of one moment. step counts from 0; weight: as written to the Ingress, None before there is one."""

    phase: str = ""
    message: str = ""
    step: int | None = None
    steps: int = 0
    weight: int | None = None
    is_aborted: bool = False
    is_current: bool = False  # the controller has seen the present spec
    measurement: str = ""


@dataclass(slots=True)
class Landmarks:
    """When things happened, on the loop's clock. weights: each weight written, in order."""

    weights: list[tuple[float, int]] = field(default_factory=list)
    verdict_s: float | None = None
    verdict: str = ""
    failed_runs: int = 0

    def weights_only(self) -> list[int]:
        """The weights without their times."""
        return [weight for _, weight in self.weights]

    def zero_after_s(self, since_s: float) -> float | None:
        """Seconds from an instant to the first weight of 0 written after it."""
        return next((at_s - since_s for at_s, weight in self.weights if at_s >= since_s and weight == 0), None)


class Observer:
    """Follows the store as someone would with `kubectl get -w`; `tell` is called with each Event as it is made."""

    def __init__(self, store: Store, clock_s: Callable[[], float], tell: Callable[[Manifest], None]) -> None:
        self._store = store
        self._clock_s = clock_s
        self._tell = tell
        self.landmarks = Landmarks()
        store.listeners.append(self._on_commit)

    def close(self) -> None:
        """Look no longer."""
        self._store.listeners.remove(self._on_commit)

    def frame(self) -> Frame:
        """The present moment."""
        rollout = self._store.find(ROLLOUT)
        if rollout is None:
            return Frame()
        status: Mapping[str, Any] = rollout.get("status") or {}
        canary = rollout["spec"]["strategy"]["canary"]
        return Frame(
            phase=str(status.get("phase") or ""),
            message=str(status.get("message") or ""),
            step=status.get("currentStepIndex"),
            steps=len(canary.get("steps") or ()),
            weight=self._weight(self._store.find(CANARY_INGRESS)),
            is_aborted=bool(status.get("abort")),
            is_current=str(status.get("observedGeneration")) == str(kubeobject.generation(rollout)),
            measurement=self._measurement(),
        )

    @staticmethod
    def _weight(ingress: Manifest | None) -> int | None:
        text = kubeobject.annotations(ingress).get(WEIGHT, "") if ingress else ""
        return int(text) if text.isdigit() else None

    def _measurement(self) -> str:
        """The newest measurement of the newest AnalysisRun: `success-rate [0.693] Failed`."""
        runs = sorted(
            self._store.all(kinds.ANALYSIS_RUN), key=lambda run: int(run["metadata"]["resourceVersion"]), reverse=True
        )
        for run in runs[:1]:
            for metric in (run.get("status") or {}).get("metricResults") or ():
                for measurement in (metric.get("measurements") or ())[-1:]:
                    value = _short(str(measurement.get("value") or measurement.get("message") or ""))
                    return f"{metric.get('name')} {value} {measurement.get('phase')}"
        return ""

    def _on_commit(self, commit: Commit) -> None:
        if commit.kind == kinds.EVENT and commit.type != "DELETED":
            self._tell(commit.object)
        elif commit.kind == kinds.INGRESS and commit.object["metadata"]["name"] == CANARY_INGRESS.name:
            weight, seen = self._weight(commit.object), self.landmarks.weights
            if weight is not None and (not seen or seen[-1][1] != weight) and len(seen) < LANDMARKS_MAX:
                seen.append((self._clock_s(), weight))
        elif commit.kind == kinds.ANALYSIS_RUN:
            self._judge(commit)

    def _judge(self, commit: Commit) -> None:
        phase = (commit.object.get("status") or {}).get("phase")
        before = ((commit.previous or {}).get("status") or {}).get("phase")
        if phase != before and phase in ("Failed", "Error", "Inconclusive"):
            self.landmarks.failed_runs += 1
            self.landmarks.verdict_s = self._clock_s()
            self.landmarks.verdict = f"{phase}: {(commit.object.get('status') or {}).get('message') or ''}"


def _short(value: str) -> str:
    """A measured value with three digits after the point, or the beginning of a message."""
    return _FRACTION.sub(r"\1", value)[:40]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: the image that is released, and what must be true at its end.

    aborts: the release is to be sent back.  kill_at_step: SIGKILL to the controller once this step is under way.
    weights: those of the canary on its way up, all of them, or as far as an abort lets it come.
    """

    name: str
    title: str
    image: str
    aborts: bool = False
    kill_at_step: int | None = None
    weights: tuple[int, ...] = ()

    @property
    def version(self) -> str:
        """The version that the pods of the release tell."""
        return self.image.rpartition(":")[2]


FIRST_IMAGE = "demo/web:good-1"
SCENARIOS: Mapping[str, Scenario] = {
    one.name: one
    for one in (
        Scenario("good", "a good release is promoted", "demo/web:good-2", weights=(5, 20, 50, 100)),
        Scenario("bad-release", "a bad release sends itself back", "demo/web:bad-2", aborts=True, weights=(5,)),
        Scenario(
            "controller-crash",
            "the controller dies in mid-step and goes on where it was",
            "demo/web:good-2",
            kill_at_step=4,
            weights=(5, 20, 50, 100),
        ),
    )
}
