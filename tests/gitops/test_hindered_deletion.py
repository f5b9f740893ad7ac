"""What stands in the way of a deletion is told to whoever waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rollouts.gitops.deletion import CASCADE, depart
from rollouts.gitops.destination import IN_CLUSTER
from rollouts.gitops.inventory import Item
from rollouts.gitops.keys import Key
from rollouts.gitops.project import ANYTHING
from rollouts.gitops.seen import AppSeen
from rollouts.gitops.tracking import identifier
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.simulation.gitworld import CONTROL, an_application
from tests.gitops.shop import APP, config, ref

NOW = Instant.of(1_700_000_000)
ONE = Key("", "ConfigMap", "shop", "one")


def leaving() -> AppSeen:
    marks = {"deletionTimestamp": NOW.rfc3339_whole(), "finalizers": [CASCADE], "uid": "1", "resourceVersion": "1"}
    live = config("one", "shop", marks={"argocd.argoproj.io/tracking-id": identifier("shop", ONE, "shop")})
    return AppSeen(
        APP,
        an_application("shop", **marks),
        "shop",
        CONTROL,
        project=ANYTHING,
        cluster=IN_CLUSTER,
        live={ONE: live},
        inventory=(Item(ONE, "v1", kinds.CONFIG_MAP),),
    )


def test_a_removal_that_the_api_server_refuses_is_told_once_and_tried_again() -> None:
    seen = replace(leaving(), refused={ref(kinds.CONFIG_MAP, "one"): "denied by the guard"})
    first = depart(seen, NOW)
    assert first.status is not None and isinstance(first.status.body, Mapping)
    second = depart(replace(seen, manifest={**seen.manifest, **first.status.body}), NOW)

    (told,) = first.status.body["status"]["conditions"]
    assert (told["type"], "denied by the guard" in told["message"]) == ("DeletionError", True)
    assert (len(first.actions), len(second.actions)) == (0, 1)
