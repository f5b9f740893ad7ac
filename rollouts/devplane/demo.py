"""Plays one scenario on a stage, tells it as it happens, and says at the end whether it went as it should."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from rollouts.devplane.errors import ApiError
from rollouts.devplane.load import Load
from rollouts.devplane.stage import Settings, Stage
from rollouts.devplane.store import WriteOptions
from rollouts.devplane.story import FIRST_IMAGE, NAMESPACE, ROLLOUT, Frame, Observer, Scenario
from rollouts.kube import kinds
from rollouts.kube import object as kubeobject
from rollouts.kube.ref import Manifest

SHARE_WINDOW_S = 2.0
BASELINE_S = 2.0
ROUTER_S_MAX = 1.0  # how long the router may take to follow the last weight
DOWN_S = 2.0  # how long a killed controller stays away
VERDICT_TO_ZERO_S_MAX = 1.0
LINE_S = 1.0
LOOK_S = 0.1
GIVE_UP_S = 60.0
NOMINAL_S = 400.0  # what the longest story takes at speed 1, with room


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the live display. shares: by version, over the last SHARE_WINDOW_S.  release: the new version."""

    at_s: float
    release: str
    frame: Frame
    shares: dict[str, float]
    requests: int
    application_errors: int
    tool_failures: int


class Screen(Protocol):
    """Where the story is told."""

    def say(self, text: str) -> None:
        """A sentence of the narrator."""
        ...

    def line(self, line: Line) -> None:
        """The state of the moment."""
        ...

    def event(self, at_s: float, event: Manifest) -> None:
        """A Kubernetes Event, as it is made."""
        ...

    def end(self, outcome: Outcome) -> None:
        """How it ended."""
        ...


@dataclass(slots=True)
class Outcome:
    """How the story ended. faults: what did not go as told; none means that it did."""

    faults: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note a fault unless the expectation holds."""
        if not holds:
            self.faults.append(otherwise)


class StoryError(Exception):
    """The story cannot go on; the text says what it waited for."""


class Performance:
    """One scenario on one stage."""

    def __init__(self, stage: Stage, scenario: Scenario, screen: Screen, began_s: float) -> None:
        self._stage = stage
        self._scenario = scenario
        self._screen = screen
        self._loop = asyncio.get_running_loop()
        self._began_s = began_s
        self._load: Load | None = None
        self._last: tuple[Any, ...] = ()
        self._last_line_s = 0.0
        self._is_down = False  # the controller was killed by the story
        self._is_released = False
        self._steps: list[int] = []
        self._observer = Observer(stage.plane.store, self._loop.time, self._tell_event)

    async def play(self) -> Outcome:
        """From the first release to the end. Never raises StoryError: it becomes a fault."""
        outcome = Outcome()
        try:
            await self._first_release()
            await self._second_release()
            await self._end()
        except (StoryError, RuntimeError, ApiError) as error:
            outcome.faults.append(str(error))
        finally:
            self._observer.close()
        if self._load is not None:
            await self._load.stop()
            self._judge(outcome)
        return outcome

    # The story

    async def _first_release(self) -> None:
        self._screen.say(f"first release: {FIRST_IMAGE}")
        await self._until("the first release is Healthy", lambda frame: frame.phase == "Healthy" and frame.is_current)
        self._load = await self._stage.start_load()
        await self._pass(BASELINE_S)

    async def _second_release(self) -> None:
        scenario = self._scenario
        self._screen.say(f"new release: {scenario.image}; {scenario.title}")
        patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": scenario.image}]
        self._stage.plane.store.patch(ROLLOUT, patch, "json", "", WriteOptions(manager="rollouts-demo"))
        self._is_released = True
        if scenario.kill_at_step is not None:
            await self._crash(scenario.kill_at_step)
        if scenario.aborts:
            await self._until("the release is aborted", lambda frame: frame.is_aborted and frame.weight == 0)
        else:
            await self._until("the release is promoted", self._is_promoted)

    async def _crash(self, at_step: int) -> None:
        controller = self._stage.controller
        assert controller is not None
        await self._until(f"step {at_step} is under way", lambda frame: frame.step == at_step and frame.is_current)
        await self._pass(0.3)
        before = self._observer.frame()
        self._is_down = True
        await controller.kill()
        self._screen.say(f"SIGKILL to the controller (pid {controller.pid}) at step {at_step}")
        await self._pass(DOWN_S)
        after = self._observer.frame()
        if (after.step, after.weight) != (before.step, before.weight):
            raise StoryError(f"something wrote while the controller was dead: {before} became {after}")
        await controller.start()
        self._is_down = False
        self._screen.say(f"the controller is back (pid {controller.pid})")

    async def _end(self) -> None:
        if not self._scenario.aborts:
            await self._until("the old pods are gone", lambda _: self._only_new_pods())
        await self._pass(SHARE_WINDOW_S + ROUTER_S_MAX)

    def _is_promoted(self, frame: Frame) -> bool:
        if frame.is_aborted:
            raise StoryError(f"the release was aborted: {frame.message}")
        status = (self._stage.plane.store.get(ROLLOUT)).get("status") or {}
        is_stable = bool(status.get("stableRS")) and status.get("stableRS") == status.get("currentPodHash")
        return frame.phase == "Healthy" and frame.is_current and is_stable and not frame.weight

    def _only_new_pods(self) -> bool:
        pods = [pod for pod in self._stage.plane.store.all(kinds.POD) if kubeobject.namespace(pod) == NAMESPACE]
        return {pod["spec"]["containers"][0]["image"] for pod in pods} == {self._scenario.image}

    # Waiting, and telling meanwhile

    async def _until(self, what: str, test: Any) -> None:
        end_s = self._loop.time() + GIVE_UP_S + NOMINAL_S / self._stage.settings.speed
        while not test(self._look()):
            if self._loop.time() > end_s:
                raise StoryError(f"waited in vain until {what}; {self._observer.frame()}")
            await asyncio.sleep(LOOK_S)
        self._look()

    async def _pass(self, seconds: float) -> None:
        end_s = self._loop.time() + seconds
        while (left_s := end_s - self._loop.time()) > 0:
            self._look()
            await asyncio.sleep(min(LOOK_S, left_s))

    def _look(self) -> Frame:
        """The moment; told if it differs from the last one told, or a second has passed."""
        controller = self._stage.controller
        if controller is not None and not controller.is_running and not self._is_down:
            raise StoryError(f"the controller ended by itself (exit code {controller.exit_code}):\n{controller.tail()}")
        frame = self._observer.frame()
        # An abort sets the step back to 0, as it should.
        if self._is_released and frame.is_current and not frame.is_aborted and frame.step is not None:
            self._steps += [frame.step] if self._steps[-1:] != [frame.step] else []
        # What the count of requests says alone is not worth a line before its second is over.
        shown = replace(frame, measurement="")
        if self._last != (shown,) or self._loop.time() - self._last_line_s >= LINE_S:
            self._last, self._last_line_s = (shown,), self._loop.time()
            self._screen.line(self._line(frame))
        return frame

    def _line(self, frame: Frame) -> Line:
        load = self._load
        return Line(
            at_s=self._loop.time() - self._began_s,
            release=self._scenario.version,
            frame=frame,
            shares=load.shares(SHARE_WINDOW_S) if load else {},
            requests=load.total if load else 0,
            application_errors=load.application_errors if load else 0,
            tool_failures=len(load.tool_failures) if load else 0,
        )

    def _tell_event(self, event: Manifest) -> None:
        self._screen.event(self._loop.time() - self._began_s, event)

    # The end

    def _judge(self, outcome: Outcome) -> None:
        load, marks, scenario = self._load, self._observer.landmarks, self._scenario
        assert load is not None
        weights, shares = marks.weights_only(), load.shares(SHARE_WINDOW_S)
        outcome.facts["requests"] = f"{load.total} answered, {load.skipped} not sent for want of room"
        outcome.facts["failed by the release itself"] = str(load.application_errors)
        outcome.facts["failed by the tool"] = f"{len(load.tool_failures)}"
        outcome.facts["weights written"] = " → ".join(str(weight) for weight in weights)
        outcome.facts["share at the end"] = ", ".join(f"{name or 'nobody'} {part:.0%}" for name, part in shares.items())
        outcome.expect(not load.tool_failures, f"requests failed by the tool: {load.tool_failures[:3]}")
        rising = [weight for weight in weights if weight]
        # A release that is sent back may be stopped at any of its weights.
        expected = list(scenario.weights[: len(rising)] if scenario.aborts else scenario.weights)
        outcome.expect(bool(rising) and rising == expected, f"the weights should have been {expected}, were {rising}")
        outcome.expect(not weights or weights[-1] == 0, f"the last weight should be 0, is {weights[-1:]}")
        outcome.expect(self._steps == sorted(self._steps), f"the step went back: {self._steps}")
        wanted = FIRST_IMAGE.rpartition(":")[2] if scenario.aborts else scenario.version
        outcome.expect(shares.get(wanted) == 1.0, f"all requests should reach {wanted} at the end, got {shares}")
        if scenario.aborts:
            self._judge_abort(outcome)
        else:
            outcome.expect(marks.failed_runs == 0, f"an analysis should not have failed: {marks.verdict}")

    def _judge_abort(self, outcome: Outcome) -> None:
        marks = self._observer.landmarks
        if marks.verdict_s is None:
            outcome.faults.append("no AnalysisRun came to a verdict")
            return
        outcome.facts["verdict"] = marks.verdict
        took_s = marks.zero_after_s(marks.verdict_s)
        if took_s is None:
            outcome.faults.append("the weight was not 0 after the verdict")
            return
        outcome.facts["from verdict to weight 0"] = f"{took_s:.3f} s"
        outcome.expect(took_s <= VERDICT_TO_ZERO_S_MAX, f"from verdict to weight 0 took {took_s:.3f} s")
        frame = self._observer.frame()
        outcome.expect(frame.phase == "Degraded", f"the phase should be Degraded, is {frame.phase}")


async def perform(settings: Settings, scenario: Scenario, screen: Screen, *, stays: bool = False) -> Outcome:
    """Build the stage, play, and clear it away. stays: keep the cluster until cancelled once the story is over."""
    began_s = asyncio.get_running_loop().time()
    async with Stage(settings) as stage:
        assert stage.traefik is not None and stage.prometheus is not None
        metrics = f"{stage.prometheus.name} {stage.prometheus.url}"
        screen.say(f"cluster {stage.plane.url}, Traefik {stage.traefik.url}, {metrics}")
        outcome = await Performance(stage, scenario, screen, began_s).play()
        screen.end(outcome)
        if stays:
            look = f"{sys.argv[0]} get rollout {ROLLOUT.name} --kubeconfig {stage.kubeconfig}"
            screen.say(f"the cluster stays until Ctrl-C; in another terminal: {look}")
            await asyncio.Event().wait()
    return outcome
