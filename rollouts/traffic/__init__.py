"""Desired routes to patches, one router dialect a file; no router knows what a rollout step is.

Lives here: how each router spells a split between two Services. Never here: when to split, and any I/O.
Read `route.py` first, then `inplace.py` and one dialect.
"""

from rollouts.traffic.giveback import given_back, named
from rollouts.traffic.inplace import Dialect, Get, Reading, patch_between
from rollouts.traffic.route import Beside, ManagedRoute, Match, Request, Route, Split, Traffic
from rollouts.traffic.routers import (
    DIALECTS,
    KINDS,
    RETIRED,
    Router,
    Unusable,
    fields_of,
    headers_of,
    mirrors,
    routers_of,
    takes_experiments,
)
from rollouts.traffic.selector import turned, with_hash
from rollouts.traffic.versions import OLDER, VERSIONS, in_served_versions

__all__ = [
    "DIALECTS",
    "KINDS",
    "OLDER",
    "RETIRED",
    "VERSIONS",
    "Beside",
    "Dialect",
    "Get",
    "ManagedRoute",
    "Match",
    "Reading",
    "Request",
    "Route",
    "Router",
    "Split",
    "Traffic",
    "Unusable",
    "fields_of",
    "given_back",
    "headers_of",
    "in_served_versions",
    "mirrors",
    "named",
    "patch_between",
    "routers_of",
    "takes_experiments",
    "turned",
    "with_hash",
]
