"""The cluster and the controller process of the contract's tests, for examples that are played without Traefik."""

from __future__ import annotations

from tests.contract.conftest import cluster, controller, judge, story

__all__ = ["cluster", "controller", "judge", "story"]
