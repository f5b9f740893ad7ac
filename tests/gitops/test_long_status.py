"""Applications of very many objects: the status stays within what can be stored, and forgets no object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rollouts.gitops import shorten, wanted
from rollouts.gitops.options import Options
from rollouts.gitops.shorten import SHORTENED, STATUS_BYTES_MAX, fitting
from rollouts.gitops.syncing import HISTORY_BYTES_MAX
from rollouts.gitops.wanted import Place
from rollouts.kube import builtin, kinds
from rollouts.simulation.gitworld import an_application
from tests.gitops.shop import (
    a_world,
    automated,
    commits,
    conditions,
    config,
    phase,
    ref,
    refresh,
    resources,
    status,
    sync,
    sync_status,
)  # fmt: skip


def a_status(count: int, phase: str = "Succeeded") -> dict[str, Any]:
    names = [{"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": f"settings-{i}"} for i in range(count)]
    rows = [{**name, "status": "Synced", "health": {"status": "Healthy"}} for name in names]
    done = {"status": "Synced", "hookPhase": "Succeeded", "syncPhase": "Sync", "message": "configmap/settings created"}
    failed = {**names[0], "status": "SyncFailed", "hookPhase": "Failed", "syncPhase": "Sync", "message": "refused"}
    results = [failed, *({**name, **done} for name in names[1:])]
    state = {"phase": phase, "startedAt": "2026-01-01T00:00:00Z", "syncResult": {"resources": results}}
    return {"resources": rows, "operationState": state, "observedAt": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("count", [4000, 5500, 7000])
def test_a_status_of_thousands_of_objects_can_be_stored_and_names_each_of_them(count: int) -> None:
    long = a_status(count)

    found = fitting({}, long)

    assert len(json.dumps(found, separators=(",", ":"))) <= STATUS_BYTES_MAX < len(json.dumps(long))
    assert [row["name"] for row in found["resources"]] == [row["name"] for row in long["resources"]]
    assert found["operationState"]["syncResult"]["resources"][0]["message"] == "refused"
    assert [each["type"] for each in found["conditions"]] == [SHORTENED]
    assert fitting(found, long) == found


def test_a_status_that_fits_is_told_as_it_is() -> None:
    assert fitting({}, a_status(1000)) == a_status(1000)


def test_a_sync_under_way_keeps_its_place_in_a_status_that_is_shortened() -> None:
    found = fitting({}, a_status(4000, phase="Running"))

    rows = found["operationState"]["syncResult"]["resources"]
    assert len(rows) == 4000 and all(row["hookPhase"] for row in rows)


def test_a_sync_whose_status_is_shortened_ends_prunes_and_comes_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shorten, "STATUS_BYTES_MAX", 3000)
    monkeypatch.setattr(shorten, "ROWS_UNWEIGHED_MAX", 10)
    world = a_world(*(config(f"c{number}") for number in range(50)), spec=automated())
    world.run(60)
    ended = phase(world), sync_status(world), len(resources(world))
    world.git.push([config(f"c{number}") for number in range(49)])

    refresh(world, wait_s=60)
    world.writes.clear()
    world.run(60)

    assert ended == ("Succeeded", "Synced", 50)
    assert world.get(ref(kinds.CONFIG_MAP, "c49")) is None
    assert SHORTENED in conditions(world)
    assert len(json.dumps(status(world), separators=(",", ":"))) < 8000
    assert commits(world, "patch", kinds.APPLICATION) == []


def test_more_objects_than_a_status_can_name_are_refused_before_anything_is_written() -> None:
    place = Place("shop", "shop", Options(), builtin.find)
    many = [config(f"settings-{number}") for number in range(9000)]

    assert wanted.read(many[:5000], place).errors == ()
    assert "split the application" in wanted.read(many, place).errors[0]


def test_a_history_of_long_values_is_told_as_far_as_it_can_be_stored() -> None:
    source = an_application("shop")["spec"]["source"]
    long = {"helm": {"values": "x" * (HISTORY_BYTES_MAX // 3)}}
    world = a_world(config("a"), spec={"source": {**source, **long}})
    world.run(5)
    for _ in range(4):
        sync(world)

    assert [each["id"] for each in status(world)["history"]] == [2, 3]
