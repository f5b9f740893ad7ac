"""What every router is told: whose traffic, between which Services, in which shares, and what goes beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rollouts.kube.ref import Manifest, Ref

Way: TypeAlias = Literal["exact", "prefix", "regex"]


@dataclass(frozen=True, slots=True)
class Match:
    """A text and how it is compared."""

    way: Way
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """Requests of a kind: every given part must match. headers: by name."""

    headers: Mapping[str, Match]
    method: Match | None = None
    path: Match | None = None


@dataclass(frozen=True, slots=True)
class ManagedRoute:
    """A route that stands before the user's own while an update wants it.

    mirror_percent: None leads the matching requests to the canary; a number answers them from where they would have
    gone anyway and sends a copy of so many of them to the canary.
    """

    name: str
    requests: tuple[Request, ...]
    mirror_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """A Service of an experiment that has a share of its own for a while. ports: those that it has."""

    service: str
    weight: int
    ports: tuple[int, ...] = ()

    def port(self, wanted: int) -> int:
        """The port to lead to in place of one of the canary's: the same where the Service has it, or its first."""
        return wanted if wanted in self.ports or not self.ports else self.ports[0]


@dataclass(frozen=True, slots=True)
class Split:
    """How traffic is shared: the weights of `canary`, of what is `beside` them, and of `stable` add up to `total`.

    managed: header and mirror routes, the one with precedence first.
    """

    canary: int
    total: int = 100
    managed: tuple[ManagedRoute, ...] = ()
    beside: tuple[Beside, ...] = ()

    def __post_init__(self) -> None:
        assert min(self.canary, self.stable) >= 0 and self.total > 0, self

    @property
    def stable(self) -> int:
        """The weight of the stable side."""
        return self.total - self.canary - sum(each.weight for each in self.beside)

    @property
    def is_rest(self) -> bool:
        """Whether the stable side has everything, so that nothing of an update is left in the router."""
        return self.canary == 0 and not self.managed and not self.beside


@dataclass(frozen=True, slots=True)
class Traffic:
    """Whose traffic it is.

    owner: the ownerReference for objects that a router makes.  weight_max: the weight that means all traffic where the
    user gave one; None means 100 without saying so in the router.  managed: the names of every route that the
    controller may put into the router and take out of it.  beside: Services of experiments that may stand in the object
    under way.
    """

    namespace: str
    name: str
    owner: Mapping[str, Any]
    canary_service: str
    stable_service: str
    weight_max: int | None = None
    managed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

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

    main: the user's own object.  target: the object that carries the weight (`main` itself for most routers), None
    where it has still to be made.  weight: the largest share that `target` gives to the canary, read back; 0 where
    there is none.  low: the smallest, where it has several places.  managed: the managed routes that stand in it.
    verified: whether the router's own controller says that it serves this very object; None where it says nothing.
    beside: what experiments have of it.  refusal: why the router may not touch the target, "" where it may.
    """

    ref: Ref
    main: Manifest
    target: Manifest | None
    weight: int
    refusal: str = ""
    low: int | None = None
    managed: tuple[str, ...] = ()
    verified: bool | None = None
    beside: tuple[Beside, ...] = ()

    @property
    def weight_low(self) -> int:
        """The smallest share that any place of the object gives to the canary."""
        return self.weight if self.low is None else self.low

    @property
    def carries(self) -> bool:
        """Whether any request may reach the canary Service through this object."""
        return self.weight > 0 or bool(self.managed)
