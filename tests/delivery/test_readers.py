"""What kstatus, `kubectl wait` and faces with buttons read off a status, at every phase and in every form."""

from __future__ import annotations

import pytest

from rollouts.core.plan import Plan
from rollouts.delivery import gather, reconcile
from rollouts.delivery.seen import DeliverySeen, StatusCompat
from rollouts.kube import conditions, kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import APP, NAMESPACE, a_blue_green, a_rollout, a_service
from tests.delivery.world import WEB, World

STEPS = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": 10}}]
FORMS: tuple[StatusCompat, ...] = ("argo", "kstatus", "int")


def begun(compat: StatusCompat = "argo") -> World:
    world = World(a_rollout(2, steps=STEPS))
    world.compat = compat
    world.settle(60.0)
    return world


def standard(world: World) -> tuple[str, ...]:
    """Ready, Reconciling, Stalled."""
    told = world.status["conditions"]
    return tuple(conditions.find(told, kind).get("status", "") for kind in ("Ready", "Reconciling", "Stalled"))


def actions(world: World) -> list[str]:
    found: list[str] = world.status["allowedActions"]
    return found


def times(world: World, kind: str = "lastTransitionTime") -> dict[str, str]:
    return {each["type"]: each[kind] for each in world.status["conditions"]}


def letter(world: World) -> Plan:
    seen = gather(WEB, world, compat=world.compat)
    assert seen is not None
    return reconcile(seen, world.now)


def test_each_phase_says_whether_it_is_ready_under_way_or_stalled():
    world = begun()
    told = [(world.status["phase"], standard(world))]
    world.set_image("shop/web:2")
    world.turn()
    told.append((world.status["phase"], standard(world)))
    world.until("Paused")
    told.append((world.status["phase"], standard(world)))
    world.command(abort=True)
    world.settle(5.0)
    told.append((world.status["phase"], standard(world)))
    world.command(abort=False)
    world.turn()
    told.append((world.status["phase"], standard(world)))

    assert told == [
        ("Healthy", ("True", "False", "False")),
        ("Progressing", ("False", "True", "False")),
        ("Paused", ("False", "True", "False")),
        ("Degraded", ("False", "False", "True")),
        ("Progressing", ("False", "True", "False")),
    ]


def test_a_condition_keeps_its_time_until_it_flips():
    world = begun()
    world.set_image("shop/web:2")
    world.turn()
    under_way = times(world)
    world.until("Paused")
    paused = times(world)
    world.settle(30.0)
    world.command(pauseConditions=None)
    world.settle(60.0)
    done = times(world)

    assert {kind: paused[kind] for kind in ("Ready", "Reconciling", "Stalled")} == {
        kind: under_way[kind] for kind in ("Ready", "Reconciling", "Stalled")
    }
    assert done["Ready"] != paused["Ready"]
    assert done["Stalled"] == paused["Stalled"]


@pytest.mark.parametrize("compat", FORMS)
def test_the_generation_stands_where_its_readers_look(compat):
    world = begun(compat)
    generation = obj.generation(world.rollout)
    top = {"argo": str(generation), "int": generation, "kstatus": None}[compat]
    each = generation if compat == "kstatus" else None

    assert world.status.get("observedGeneration") == top
    assert {one.get("observedGeneration") for one in world.status["conditions"]} == {each}
    assert conditions.observed_generation(world.status) == generation


@pytest.mark.parametrize("compat", FORMS)
def test_four_weights_cost_fourteen_status_writes_at_most_in_every_form(compat):
    four = [step for weight in (5, 20, 50, 80) for step in ({"setWeight": weight}, {"pause": {"duration": 10}})]
    world = World(a_rollout(4, steps=four))
    world.compat = compat
    world.settle(60.0)
    before = world.writes["Rollout/status"]
    world.set_image("shop/web:2")
    world.settle(300.0)

    assert (world.status["phase"], world.status["stableRS"]) == ("Healthy", world.hash_of("2"))
    assert world.writes["Rollout/status"] - before <= 14
    assert letter(world).is_quiet


@pytest.mark.parametrize(("before", "after"), [(a, b) for a in FORMS for b in FORMS if a != b])
def test_another_form_is_one_write_and_moves_no_time(before, after):
    world = begun(before)
    told, written = (times(world), times(world, "lastUpdateTime")), world.writes["Rollout/status"]
    world.compat = after
    world.settle(60.0)

    assert world.writes["Rollout/status"] == written + 1
    assert (times(world), times(world, "lastUpdateTime")) == told


@pytest.mark.parametrize("compat", FORMS)
def test_a_refused_spec_stands_alone_for_the_contracts_clients_and_is_stalled_for_others(compat):
    world = begun(compat)
    del world.objects[Ref(kinds.SERVICE, NAMESPACE, "web-canary")]
    world.turn()
    told = [each["type"] for each in world.status["conditions"]]

    assert told == ["InvalidSpec"] + ([] if compat == "argo" else ["Ready", "Reconciling", "Stalled"])
    assert compat == "argo" or standard(world) == ("False", "False", "True")
    assert "allowedActions" not in world.status


def test_the_allowed_actions_follow_the_update():
    world = begun()
    told = {"healthy": actions(world)}
    world.set_image("shop/web:2")
    world.until("Paused")
    told["paused"] = actions(world)
    world.command(abort=True)
    world.settle(5.0)
    told["aborted"] = actions(world)
    world.patch(WEB, {"spec": {"paused": True}})
    world.settle(5.0)
    told["held"] = actions(world)

    assert told == {
        "healthy": ["pause", "restart"],
        "paused": ["promote", "promote-full", "abort", "pause", "resume", "restart", "undo"],
        "aborted": ["retry", "pause", "restart", "undo"],
        "held": ["retry", "resume", "restart", "undo"],
    }


def test_blue_green_says_the_same_of_its_phases():
    services = (a_service(f"{APP}-active"), a_service(f"{APP}-preview"))
    world = World(*services, a_blue_green(2, blue_green={"autoPromotionEnabled": False}))
    world.settle(60.0)
    told = [(world.status["phase"], standard(world), actions(world))]
    world.set_image("shop/web:2")
    world.until("Paused")
    told.append((world.status["phase"], standard(world), actions(world)))
    world.command(abort=True)
    world.settle(5.0)
    told.append((world.status["phase"], standard(world), actions(world)))

    assert told == [
        ("Healthy", ("True", "False", "False"), ["pause", "restart"]),
        (
            "Paused",
            ("False", "True", "False"),
            ["promote", "promote-full", "abort", "pause", "resume", "restart", "undo"],
        ),
        ("Degraded", ("False", "False", "True"), ["retry", "pause", "restart", "undo"]),
    ]


def test_allowed_actions_alone_are_not_worth_a_write():
    world = begun()
    lost = {**world.objects[WEB], "status": {**world.status, "allowedActions": ["undo"]}}
    world.objects[WEB] = lost

    assert letter(world).is_quiet


def test_a_generation_that_the_crd_drops_is_not_written_again_and_again():
    world = begun("kstatus")
    bare = [conditions.bare(each) for each in world.status["conditions"]]
    world.objects[WEB] = {**world.objects[WEB], "status": {**world.status, "conditions": bare}}

    assert letter(world).is_quiet


def test_a_new_version_is_told_as_created_and_one_that_returns_as_found():
    world = begun()
    told = []
    for tag in ("2", "1", "2"):
        world.set_image(f"shop/web:{tag}")
        world.turn()
        told.append(conditions.find(world.status["conditions"], "Progressing")["reason"])
        world.until("Paused" if tag == "2" else "Healthy")

    assert told[0] == "NewReplicaSetCreated"
    assert told[2] == "FoundNewReplicaSet"


def test_a_shadow_sees_no_difference_in_what_only_we_write():
    world = begun()
    alone = {key: value for key, value in world.status.items() if key != "allowedActions"}
    theirs = [each for each in world.status["conditions"] if each["type"] not in ("Ready", "Reconciling", "Stalled")]
    told = {"ours": letter(world)}
    world.compat = "shadow"
    told["ours, seen by a shadow"] = letter(world)
    world.objects[WEB] = {**world.objects[WEB], "status": {**alone, "conditions": theirs}}
    told["theirs, seen by a shadow"] = letter(world)

    assert {what for what, plan in told.items() if not plan.is_quiet} == set()


def test_without_a_form_the_last_one_is_kept():
    for compat in FORMS:
        world = begun(compat)
        seen = gather(WEB, world)

        assert isinstance(seen, DeliverySeen)
        assert seen.compat == compat
