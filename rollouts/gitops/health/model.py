"""What health is, and small questions that many kinds answer alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rollouts.kit.parts import objects, part
from rollouts.kube.object import generation
from rollouts.kube.ref import Manifest


class Status(Enum):
    """In the order from best to worst."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Status).index(self)


@dataclass(frozen=True, slots=True)
class Health:
    """A status, and a sentence for people where there is something to say."""

    status: Status
    message: str = ""


HEALTHY = Health(Status.HEALTHY)


def progressing(message: str = "") -> Health:
    """It is on its way."""
    return Health(Status.PROGRESSING, message)


def degraded(message: str = "") -> Health:
    """It will not get there by itself."""
    return Health(Status.DEGRADED, message)


def suspended(message: str = "") -> Health:
    """It waits for somebody."""
    return Health(Status.SUSPENDED, message)


def number(value: Mapping[str, Any], name: str, default: int = 0) -> int:
    """A whole number in a map."""
    found = value.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def condition(live: Manifest, name: str) -> Mapping[str, Any]:
    """The condition of that type in status, empty where there is none."""
    return next((each for each in objects(live, "status", "conditions") if each.get("type") == name), {})


def says(live: Manifest, name: str, value: str = "True") -> bool:
    """Whether the condition of that type has that status."""
    return condition(live, name).get("status") == value


def is_observed(live: Manifest) -> bool:
    """Whether the controller of an object has seen its latest generation; a kind that does not tell has."""
    seen = part(live, "status").get("observedGeneration")
    try:
        return int(seen) >= generation(live) if isinstance(seen, int | str) else generation(live) <= 1 and not seen
    except ValueError:
        return False
