"""Desired routes to patches, one router dialect a file; no router knows what a rollout step is.

Lives here: how each router spells a split between two Services. Never here: when to split, and any I/O.
Read `route.py` first.
"""

from rollouts.traffic.route import Route, Split, Traffic
from rollouts.traffic.routers import Router, routers_of

__all__ = ["Route", "Router", "Split", "Traffic", "routers_of"]
