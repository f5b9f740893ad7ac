"""Who watches the fleet from outside and writes down when what was seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks import manifests as m
from tests.plane.wire import Body


@dataclass(slots=True)
class Story:
    """What was seen of one member since the image changed. Seconds of the monotonic clock."""

    weights: list[tuple[float, int]] = field(default_factory=list)
    pauses: list[tuple[float, str]] = field(default_factory=list)  # when, and the start time that the status names
    done: float | None = None


class Observer:
    """Two watches, one story a member."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.healthy: dict[str, str] = {}  # member → the stable hash with which it was last seen healthy
        self._before: dict[str, str] = {}
        self._ingress_of: dict[str, str] = {}

    def expect(self, members: tuple[m.Member, ...]) -> None:
        """From now on write down what becomes of these members."""
        self._ingress_of = {member.canary_ingress: member.name for member in members}
        self._before = dict(self.healthy)
        self.stories = {member.name: Story() for member in members}

    def see_rollout(self, change: str, body: Body) -> None:
        """One change of one Rollout."""
        now = time.monotonic()
        name, status = body["metadata"]["name"], body.get("status") or {}
        if status.get("phase") == "Healthy" and status.get("stableRS"):
            self.healthy[name] = status["stableRS"]
        story = self.stories.get(name)
        if story is None:
            return
        pauses = status.get("pauseConditions") or ()
        if pauses and (not story.pauses or story.pauses[-1][1] != pauses[0]["startTime"]):
            story.pauses.append((now, pauses[0]["startTime"]))
        if story.done is None and self.healthy.get(name, "") not in ("", self._before.get(name)):
            story.done = now

    def see_ingress(self, change: str, body: Body) -> None:
        """One change of one Ingress."""
        now = time.monotonic()
        story = self.stories.get(self._ingress_of.get(body["metadata"]["name"], ""))
        weight = (body["metadata"].get("annotations") or {}).get(m.WEIGHT)
        if story is None or weight is None:
            return
        seen = int(weight)
        if (story.weights and story.weights[-1][1] != seen) or (not story.weights and seen > 0):
            story.weights.append((now, seen))

    @property
    def done(self) -> int:
        """How many members are at their new version."""
        return sum(story.done is not None for story in self.stories.values())

    def first_weights(self, began: float) -> list[float]:
        """Seconds from the change of the images to the first weight on each Ingress."""
        return sorted(story.weights[0][0] - began for story in self.stories.values() if story.weights)

    def kept(self) -> list[float]:
        """Seconds by which each next weight was seen later than the start time in the status plus the duration.

        Free of the delay with which the pause itself was seen; below zero a pause was truly cut short.
        """
        offset = time.time() - time.monotonic()
        kept = []
        for story in self.stories.values():
            for seen, start_time in story.pauses:
                following = [when for when, _ in story.weights if when > seen + m.PAUSE_S / 2]
                if following:
                    begun = datetime.fromisoformat(start_time).timestamp()
                    kept.append(following[0] + offset - begun - m.PAUSE_S)
        return sorted(kept)

    def step_lags(self) -> list[float]:
        """Seconds by which each next weight was seen later than the observed pause plus its duration."""
        lags = []
        for story in self.stories.values():
            for seen, _ in story.pauses:
                following = [when for when, _ in story.weights if when > seen + m.PAUSE_S / 2]
                if following:
                    lags.append(following[0] - (seen + m.PAUSE_S))
        return sorted(lags)
