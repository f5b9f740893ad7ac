"""As whom the objects of an Application are written: the controller itself, or the account that its project names.

An account is taken whole or not at all: an empty or half name is nobody's, and nobody writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rollouts.api.project import DestinationServiceAccount
from rollouts.core.plan import Action, Plan
from rollouts.gitops.asks import DryRun
from rollouts.gitops.destination import Cluster
from rollouts.kit import glob

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)


def account(accounts: Sequence[DestinationServiceAccount], cluster: Cluster, namespace: str) -> tuple[str, str]:
    """(user, why there is none) of the first account whose server and namespace fit: `account` or `space:account`."""
    for each in accounts:
        if not glob.matches(each.server, cluster.server) or not glob.matches(each.namespace, namespace):
            continue
        space, colon, name = each.default_service_account.rpartition(":")
        space = space if colon else namespace
        if not _NAME.fullmatch(space) or not _NAME.fullmatch(name):
            return "", f"{each.default_service_account!r} is no service account"
        return f"system:serviceaccount:{space}:{name}", ""
    return "", f"no matching service account found for destination server {cluster.server} and namespace {namespace}"


def in_the_name_of(plan: Plan, user: str) -> Plan:
    """The plan with every object written, and tried, as a user; what is said of the Application stays our own word."""
    if not user or not (plan.actions or plan.asks):
        return plan
    actions: tuple[Action, ...] = tuple(replace(each, user=user) for each in plan.actions)
    asks = tuple(
        replace(ask, question=replace(ask.question, user=user)) if isinstance(ask.question, DryRun) else ask
        for ask in plan.asks
    )
    return replace(plan, actions=actions, asks=asks)
