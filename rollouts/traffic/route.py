"""What every router is told: whose traffic, between which Services, and in which shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.kube.ref import Manifest, Ref


@dataclass(frozen=True, slots=True)
class Split:
    """How traffic is shared: `canary` and `stable` are weights whose sum is `total`."""

    canary: int
    total: int = 100

    def __post_init__(self) -> None:
        assert 0 <= self.canary <= self.total and self.total > 0, self

    @property
    def stable(self) -> int:
        """The weight of the stable side."""
        return self.total - self.canary


@dataclass(frozen=True, slots=True)
class Traffic:
    """Whose traffic it is.

    owner: the ownerReference for objects that a router makes.  weight_max: the weight that means all traffic where the
    user gave one; None means 100 without saying so in the router.
    """

    namespace: str
    name: str
    owner: Mapping[str, Any]
    canary_service: str
    stable_service: str
    weight_max: int | None = None

    @property
    def total(self) -> int:
        """The weight that means all traffic."""
        return 100 if self.weight_max is None else self.weight_max

    @property
    def owner_uid(self) -> str:
        """The uid that must control what a router changes."""
        return str(self.owner["uid"])


@dataclass(frozen=True, slots=True)
class Route:
    """One object of a router that carries a split.

    main: the user's own object, which stays untouched.  target: the object that carries the weight, None where it has
    still to be made.  weight: the canary's share that `target` shows, read back; 0 where there is none.
    refusal: why the router may not touch the target, "" where it may.
    """

    ref: Ref
    main: Manifest
    target: Manifest | None
    weight: int
    refusal: str = ""
