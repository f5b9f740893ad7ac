"""Labels and annotations that follow a pod's role, and pods of two versions kept apart."""

from __future__ import annotations

import json

import pytest

from rollouts.kit import mergepatch
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout, a_template
from tests.delivery.people import pods_of, populate
from tests.delivery.world import HASH, WEB, World, deployed

NOTE = "rollout.argoproj.io/ephemeral-metadata"
CANARY = {"labels": {"role": "canary"}, "annotations": {"example.org/team": "new"}}
STABLE = {"labels": {"role": "stable"}}
STEPS = [{"setWeight": 50}, {"pause": {}}]


def dressed(replicas: int = 2, **canary) -> World:
    roles = {"canaryMetadata": CANARY, "stableMetadata": STABLE, **canary}
    world = deployed(a_rollout(replicas, steps=STEPS, canary=roles))
    populate(world)
    world.settle(5.0)
    return world


def updated(world: World, tag: str = "2") -> World:
    world.set_image(f"shop/web:{tag}")
    world.until("Paused")
    populate(world)
    world.settle(5.0)
    return world


def promoted(world: World) -> World:
    world.command(pauseConditions=None)
    world.settle(100.0)
    populate(world)
    world.settle(5.0)
    return world


def template_of(world: World, tag: str):
    return world.set_named(tag)["spec"]["template"]


def roles_of(world: World, tag: str) -> set[str]:
    """What the template and the running pods of a version say of their role."""
    bearers = [template_of(world, tag), *pods_of(world, world.set_named(tag))]
    return {each["metadata"]["labels"].get("role", "none") for each in bearers}


def test_a_version_bears_its_role_from_the_first_deploy_to_the_last():
    world = dressed()
    assert roles_of(world, "1") == {"stable"}

    updated(world)
    assert (roles_of(world, "1"), roles_of(world, "2")) == ({"stable"}, {"canary"})
    assert {pod["metadata"]["annotations"]["example.org/team"] for pod in pods_of(world, world.set_named("2"))} == {
        "new"
    }

    promoted(world)
    assert (roles_of(world, "1"), roles_of(world, "2")) == ({"none"}, {"stable"})
    assert all("example.org/team" not in obj.annotations(pod) for pod in pods_of(world, world.set_named("2")))


def test_what_is_borne_is_noted_where_the_contract_says():
    world = updated(dressed())
    noted = obj.annotations(world.set_named("2"))[NOTE]

    assert json.loads(noted) == CANARY
    assert noted.startswith('{"labels":')

    promoted(world)

    assert json.loads(obj.annotations(world.set_named("2"))[NOTE]) == STABLE
    assert NOTE not in obj.annotations(world.set_named("1"))


def test_pods_keep_their_own_labels_and_their_hash():
    world = dressed(canaryMetadata={"labels": {"role": "canary", HASH: "nonsense"}})
    pod = pods_of(world, world.set_named("1"))[0]
    world.patch(obj.ref(kinds.POD, pod), {"metadata": {"labels": {"mine": "yes"}}})
    promoted(updated(world))
    updated(world, "3")
    found = world.objects[obj.ref(kinds.POD, pods_of(world, world.set_named("2"))[0])]

    assert obj.labels(found)[HASH] == world.hash_of("2")
    assert obj.labels(world.set_named("3"))[HASH] == world.hash_of("3")


def test_metadata_of_a_role_makes_no_new_version():
    world = updated(dressed())
    sets = world.sizes()
    world.patch(WEB, {"spec": {"strategy": {"canary": {"canaryMetadata": {"labels": {"role": "fresh"}}}}}})
    world.settle(5.0)

    assert world.sizes() == sets
    assert roles_of(world, "2") == {"fresh"}


def test_metadata_that_is_wished_no_more_is_taken_off():
    world = updated(dressed())
    world.patch(WEB, {"spec": {"strategy": {"canary": {"canaryMetadata": None, "stableMetadata": None}}}})
    world.settle(5.0)

    assert (roles_of(world, "1"), roles_of(world, "2")) == ({"none"}, {"none"})
    assert "example.org/team" not in obj.annotations(pods_of(world, world.set_named("2"))[0])
    assert NOTE not in obj.annotations(pods_of(world, world.set_named("2"))[0])

    world.writes.clear()
    world.settle(100.0)
    assert not world.writes


def test_a_label_of_the_template_comes_back_when_its_role_is_over():
    template = a_template(role="own")
    world = deployed(a_rollout(1, steps=STEPS, template=template, canary={"canaryMetadata": CANARY}))
    assert roles_of(world, "1") == {"own"}

    updated(world)
    assert roles_of(world, "2") == {"canary"}

    promoted(world)
    assert roles_of(world, "2") == {"own"}


def test_pods_whose_writer_left_no_note_lose_the_role_too():
    world = updated(dressed())
    for pod in pods_of(world, world.set_named("2")):
        world.patch(obj.ref(kinds.POD, pod), {"metadata": {"annotations": {NOTE: None}}})
    promoted(world)

    assert roles_of(world, "2") == {"stable"}


@pytest.mark.parametrize("note", ["nonsense", "[]", '{"labels": 3}'])
def test_a_note_that_nobody_can_read_is_written_anew(note):
    world = updated(dressed())
    ref = obj.ref(kinds.REPLICA_SET, world.set_named("2"))
    world.patch(ref, {"metadata": {"annotations": {NOTE: note}}})
    world.settle(5.0)

    assert json.loads(obj.annotations(world.set_named("2"))[NOTE]) == CANARY


def test_an_update_does_not_wait_until_its_pods_are_known():
    world = dressed()
    world.knows_pods = False
    world.set_image("shop/web:2")
    world.until("Paused")

    assert world.weight == 50
    assert template_of(world, "2")["metadata"]["labels"]["role"] == "canary"


def test_a_hundred_pods_change_some_at_a_time():
    world = dressed(40)
    world.patch(WEB, {"spec": {"strategy": {"canary": {"stableMetadata": {"labels": {"role": "old"}}}}}})
    letters = len(world.letters)
    world.settle(5.0)

    assert roles_of(world, "1") == {"old"}
    assert max(len(letter.actions) for letter in world.letters[letters:]) <= 17


REQUIRED = {"requiredDuringSchedulingIgnoredDuringExecution": {}}
PREFERRED = {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 7}}


def apart(other: str):
    expression = {"key": HASH, "operator": "In", "values": [other]}
    return {"labelSelector": {"matchExpressions": [expression]}, "topologyKey": "kubernetes.io/hostname"}


def test_the_first_version_has_nobody_to_keep_away_from():
    world = deployed(a_rollout(1, canary={"antiAffinity": REQUIRED}))

    assert "affinity" not in template_of(world, "1")["spec"]


@pytest.mark.parametrize(
    ("rule", "field", "wrap"),
    [
        (REQUIRED, "requiredDuringSchedulingIgnoredDuringExecution", lambda term: term),
        (
            PREFERRED,
            "preferredDuringSchedulingIgnoredDuringExecution",
            lambda term: {"weight": 7, "podAffinityTerm": term},
        ),
    ],
)
def test_a_new_version_keeps_away_from_the_stable_one(rule, field, wrap):
    world = updated(deployed(a_rollout(1, steps=STEPS, canary={"antiAffinity": rule})))

    assert template_of(world, "2")["spec"]["affinity"] == {
        "podAntiAffinity": {field: [wrap(apart(world.hash_of("1")))]}
    }


def test_the_users_own_affinity_stays():
    template = a_template()
    template["spec"]["affinity"] = {
        "nodeAffinity": {"x": 1},
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [apart("mine") | {"topologyKey": "zone"}]
        },
    }
    template["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0][
        "labelSelector"
    ] = {"matchLabels": {"app": "other"}}
    world = updated(deployed(a_rollout(1, steps=STEPS, template=template, canary={"antiAffinity": REQUIRED})))
    affinity = template_of(world, "2")["spec"]["affinity"]

    assert affinity["nodeAffinity"] == {"x": 1}
    terms = affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert [term["topologyKey"] for term in terms] == ["zone", "kubernetes.io/hostname"]


def test_a_version_that_comes_back_keeps_away_from_the_one_that_is_stable_now():
    world = updated(deployed(a_rollout(1, steps=STEPS, canary={"antiAffinity": PREFERRED})))
    promoted(updated(world, "3"))
    updated(world, "2")
    (term,) = template_of(world, "2")["spec"]["affinity"]["podAntiAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]

    assert term["podAffinityTerm"] == apart(world.hash_of("3"))


def test_a_version_made_by_another_controller_is_known_without_its_role_and_its_distance():
    world = updated(dressed(antiAffinity=REQUIRED))
    found = world.set_named("2")
    renamed = {"spec": {"selector": {"matchLabels": {HASH: "foreign"}}}, "metadata": {"labels": {HASH: "foreign"}}}
    world.patch(Ref(kinds.REPLICA_SET, NAMESPACE, obj.name(found)), renamed)
    world.command(currentPodHash="foreign")
    world.settle(5.0)

    assert len(world.of(kinds.REPLICA_SET)) == 2
    assert world.status["currentPodHash"] == "foreign"
    assert world.status["currentStepIndex"] == 1


def undo(world: World, tag: str) -> None:
    """What `undo` writes: the template of a ReplicaSet, its hash label taken off."""
    template = mergepatch.apply(template_of(world, tag), {"metadata": {"labels": {HASH: None}}})
    world.patch(WEB, {"spec": {"template": None}})
    world.patch(WEB, {"spec": {"template": template}})


def test_an_undo_brings_back_the_version_itself_and_counts_a_new_revision():
    world = promoted(updated(dressed()))
    before = obj.uid(world.set_named("1"))
    undo(world, "1")
    world.until("Paused")
    found = world.set_named("1")

    assert obj.uid(found) == before
    assert len(world.of(kinds.REPLICA_SET)) == 2
    assert obj.annotations(found)["rollout.argoproj.io/revision"] == "3"
    assert obj.annotations(found)["rollout.argoproj.io/revision-history"] == "1"
    assert obj.annotations(world.rollout)["rollout.argoproj.io/revision"] == "3"


def test_an_undo_to_a_version_that_was_kept_apart_makes_no_third_one():
    world = promoted(updated(dressed(antiAffinity=REQUIRED)))
    promoted(updated(world, "3"))
    undo(world, "2")
    world.until("Paused")

    assert len(world.of(kinds.REPLICA_SET)) == 3
    (term,) = template_of(world, "2")["spec"]["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert term == apart(world.hash_of("3"))


@pytest.mark.parametrize("routed", [True, False])
def test_a_version_bears_the_stable_role_once_it_is_told_as_promoted(routed):
    alone = {} if routed else {"trafficRouting": None, "stableService": None, "canaryService": None}
    world = updated(dressed(**alone))
    world.command(pauseConditions=None)
    while world.status["phase"] != "Healthy":
        if not world.turn().writes:
            world.settle(0.1)
            populate(world)

    assert roles_of(world, "2") == {"stable"}


def test_a_pod_that_may_not_be_written_holds_no_promotion_up():
    world = updated(dressed())
    world.words = "admission webhook denied the request"
    world.refusing = lambda action: action.ref.kind == kinds.POD

    promoted(world)

    assert world.status["stableRS"] == world.hash_of("2")
