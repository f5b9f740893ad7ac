"""The machine's promises, each told as a short exchange with an API server."""

from __future__ import annotations

import pytest

from rollouts.core.errors import BrokenError, HiccupError
from rollouts.core.plan import Answer, Ask, Create, Delete, Note, Plan, Stage
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import INGRESS, REPLICA_SET, ROLLOUT
from rollouts.kube.ref import Manifest, Ref
from rollouts.shell.settings import Settings
from tests.shell.script import ROUTE, SET, START, WEB, Story, a_patch, an_object, report, wanting, web

DONE = {"phase": "Healthy"}
LABELLED = {"labels": {"a": "1"}}


def test_a_patch_carries_what_was_seen_so_that_the_server_can_refuse_it():
    request = Story(wanting(**DONE)).listed((WEB, web("7"))).send()

    assert (request.verb, request.subresource) == ("patch", "status")
    assert request.body == {"status": DONE, "metadata": {"uid": "uid-web", "resourceVersion": "7"}}


def test_a_key_sleeps_until_its_own_write_is_seen():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), body=web("11", status=DONE))

    assert story.sent() is None
    assert story.told(WEB, web("9", spec={"other": 1})).sent() is None  # an older change by somebody else
    assert story.calls == 1

    story.told(WEB, web("11", status=DONE)).turn()

    assert story.calls == 2


def test_an_event_that_overtakes_its_answer_leaves_no_fence():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    request = story.send()
    story.told(WEB, web("11", status=DONE)).turn()
    story.answer(request, body=web("11", status=DONE)).turn()

    assert story.calls == 2
    assert story.machine.is_idle


def test_a_write_that_changes_nothing_makes_no_fence_and_no_loop():
    story = Story(lambda seen, now: Plan(status=report(seen, pruned=True))).listed((WEB, web("7")))
    story.answer(story.send(), body=web("7"))

    assert story.sent() is None
    assert story.calls == 1
    assert story.machine.counts.noop_writes == 1


def test_a_lost_answer_is_looked_up_and_the_version_read_is_the_fence():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), status=0)

    assert story.sent() is None  # first a short rest

    look = story.later(1).send()

    assert look.verb == "get"

    story.answer(look, body=web("11", status=DONE))

    assert story.sent() is None
    assert story.told(WEB, web("11", status=DONE)).sent() is None
    assert story.calls == 2


def test_a_lost_write_that_never_arrived_is_written_again():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    first = story.send()
    story.answer(first, status=0)
    story.answer(story.later(1).send(), body=web("7"))
    again = story.send()

    assert (again.verb, again.body) == ("patch", first.body)


def test_a_fence_that_nobody_lifts_is_looked_up_and_counted():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), body=web("11", status=DONE)).turn()

    assert story.turns[-1].wake == START.plus(5.0)

    look = story.later(5).send()

    assert look.verb == "get"
    assert story.machine.counts.fences_expired == 1

    story.answer(look, body=web("11", status=DONE))

    assert story.sent() is None  # the watch lags: acting on what it shows would be acting blindly
    assert story.calls == 1


def test_a_list_lifts_the_fences_that_a_broken_watch_left():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), body=web("11", status=DONE)).turn()
    story.machine.replace(ROLLOUT, [web("11", status=DONE)], "20", story.now)
    story.turn()

    assert story.calls == 2


def test_the_fence_of_a_created_object_falls_when_it_was_made_and_removed_unseen():
    def reconcile(seen: Manifest, now: Instant) -> Plan:
        return Plan(actions=(Create(SET, an_object(SET, "", owner="uid-web"), "uid-web"),))

    story = Story(reconcile).listed((WEB, web("7")))
    story.answer(story.send(), 201, an_object(SET, "12", owner="uid-web"))

    assert story.sent() is None

    story.told(SET, an_object(SET, "15", owner="uid-web"), "DELETED")
    story.answer(story.send(), 200, web("7"))  # is its owner still there?

    assert story.send().verb == "create"


def test_a_conflict_waits_for_the_newer_object_and_then_tries_again_with_it():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), 409)

    assert story.sent() is None

    again = story.told(WEB, web("8", spec={"replicas": 2})).send()

    assert again.body["metadata"]["resourceVersion"] == "8"
    assert story.machine.counts.conflicts == 1


def test_a_conflict_that_no_event_explains_is_decided_by_a_read():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), 409).turn()
    look = story.later(0.5).send()

    assert look.verb == "get"

    story.answer(look, body=web("8"))

    assert story.sent() is None

    again = story.told(WEB, web("8", spec={"replicas": 2})).send()

    assert again.body["metadata"]["resourceVersion"] == "8"


@pytest.mark.parametrize(
    ("status", "more", "note"),
    [
        (429, {"retry_after_s": 7.0}, []),
        (401, {"retry_after_s": 7.0}, []),
        (403, {}, ["WriteRefused"]),
        (413, {}, ["WriteRefused"]),
        (422, {}, ["WriteRefused"]),
    ],
)
def test_a_refusal_ends_the_turn_and_rests(status, more, note):
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), status, {"kind": "Status", "message": "no"}, **more)
    quiet = story.sent()
    rest_s = story.turns[-1].wake.since(story.now)

    assert quiet is None
    assert rest_s == 7.0 if more else 0 < rest_s < 1
    assert story.notes() == note
    assert story.later(rest_s).send().verb == "patch"


def test_a_refusal_is_told_once_and_rests_longer_each_time():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    rests = []
    for _ in range(12):
        story.answer(story.send(), 403, {"kind": "Status", "message": "no"}).turn()
        rests.append(story.turns[-1].wake.since(story.now))
        story.later(rests[-1])

    assert story.notes() == ["WriteRefused"]
    assert rests[3] > 3 * rests[0]
    assert max(rests) <= 60 * 1.2


def test_events_do_not_shorten_a_rest_but_a_new_wish_does():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), 422).turn()

    assert story.told(WEB, web("8", metadata={"labels": {"a": "b"}})).sent() is None
    assert story.told(WEB, web("9", generation=2, spec={"mended": True})).send().verb == "patch"


def test_a_server_error_may_have_written_so_it_is_looked_up_after_a_rest():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    story.answer(story.send(), 504)

    assert story.sent() is None
    assert story.later(1).send().verb == "get"


def grow_then_report(seen: Manifest, now: Instant) -> Plan:
    body = an_object(SET, "", owner="uid-web")
    return Plan(actions=(Create(SET, body, "uid-web"),), status=report(seen, phase="Progressing"))


def test_writes_go_out_one_after_the_other_and_a_refusal_ends_the_turn():
    story = Story(grow_then_report).listed((WEB, web("7")))
    create = story.send()

    assert create.verb == "create"
    assert story.sent() is None

    story.answer(create, 403, {"message": "quota"})

    assert story.sent() is None


def test_a_create_that_finds_its_own_object_goes_on():
    story = Story(grow_then_report).listed((WEB, web("7")))
    look = story.answer(story.send(), 409, {"reason": "AlreadyExists"}).send()

    assert look.verb == "get"
    assert story.answer(look, body=an_object(SET, "9", owner="uid-web")).send().subresource == "status"


def test_a_create_that_finds_a_stranger_stops():
    story = Story(grow_then_report).listed((WEB, web("7")))
    look = story.answer(story.send(), 409, {"reason": "AlreadyExists"}).send()
    story.answer(look, body=an_object(SET, "9", owner="uid-stranger"))

    assert story.sent() is None
    assert story.notes() == ["WriteRefused"]


def removing(seen: Manifest, now: Instant) -> Plan:
    return Plan(actions=(Delete(SET, "uid-web-1", "5"),))


def test_nothing_irreversible_is_done_before_a_quorum_read_in_this_term():
    story = Story(removing, leading=False).listed((WEB, web("7")), (SET, an_object(SET, "5")))
    story.later(1).machine.lead(2, story.now)
    reads = []
    request = story.send()
    while request.verb == "get":
        reads.append(request.ref)
        request = story.answer(request, body=web("7") if request.ref == WEB else an_object(SET, "5")).send()

    assert reads == [WEB, SET]
    assert (request.verb, request.body["preconditions"]) == ("delete", {"uid": "uid-web-1", "resourceVersion": "5"})


def test_a_list_of_this_term_is_a_quorum_read():
    assert Story(removing).listed((WEB, web("7")), (SET, an_object(SET, "5"))).send().verb == "delete"


def test_a_quorum_read_that_disagrees_with_the_cache_stops_the_irreversible():
    story = Story(removing, leading=False).listed((WEB, web("7")), (SET, an_object(SET, "5")))
    story.later(1).machine.lead(2, story.now)
    story.answer(story.send(), body=web("8", spec={"changed": True}))

    assert story.sent() is None


def test_a_deleted_object_holds_the_key_until_the_watch_tells():
    story = Story(removing).listed((WEB, web("7")), (SET, an_object(SET, "5")))
    story.answer(story.send(), body={"kind": "Status"})

    assert story.sent() is None
    assert story.calls == 1

    story.told(SET, an_object(SET, "11"), "DELETED").turn()

    assert story.calls == 2


def shifting(seen: Manifest, now: Instant) -> Plan:
    route = an_object(ROUTE, "6")
    grow = a_patch(SET, an_object(SET, "5"), {"spec": {"replicas": 2}})
    weight = 0 if (seen.get("status") or {}).get("abort") else 50
    shift = a_patch(ROUTE, route, {"weight": weight})
    return Plan(actions=(shift,)) if weight == 0 else Plan(actions=(grow, shift))


def test_an_abort_stops_what_is_left_of_a_plan():
    story = Story(shifting).listed((WEB, web("7")), (SET, an_object(SET, "5")), (ROUTE, an_object(ROUTE, "6")))
    grow = story.send()
    story.told(WEB, web("9", status={"abort": True})).turn()
    request = story.answer(grow, body=an_object(SET, "10")).send()

    assert (request.ref, request.body["weight"]) == (ROUTE, 0)


def test_an_abort_passes_the_fence_of_a_replica_set_but_not_that_of_the_router():
    objects = ((WEB, web("7")), (SET, an_object(SET, "5")), (ROUTE, an_object(ROUTE, "6")))
    story = Story(shifting).listed(*objects)
    shift = story.answer(story.send(), body=an_object(SET, "10")).send()
    story.answer(shift, body=an_object(ROUTE, "11"))

    assert story.told(WEB, web("12", status={"abort": True})).sent() is None

    request = story.told(ROUTE, an_object(ROUTE, "11")).send()

    assert request.body["weight"] == 0


def test_urgent_keys_go_first_and_pass_a_full_wire():
    def reconcile(seen: Manifest, now: Instant) -> Plan:
        ref = Ref(ROLLOUT, "shop", seen["metadata"]["name"])
        return Plan(status=a_patch(ref, seen, {"status": {"x": 1}}, sub="status"))

    refs = [Ref(ROLLOUT, "shop", f"r{number}") for number in range(5)]
    story = Story(reconcile, settings=Settings(requests_inflight_max=2))
    story.listed(*((ref, an_object(ref, "5")) for ref in refs))
    first = story.turn().requests

    assert [request.ref.name for request in first] == ["r0", "r1"]

    story.told(refs[4], an_object(refs[4], "6", status={"abort": True}))

    assert [request.ref.name for request in story.turn().requests] == ["r4"]


def test_a_room_that_raises_rests_alone():
    other = Ref(ROLLOUT, "shop", "other")

    def reconcile(seen: Manifest, now: Instant) -> Plan:
        if seen["metadata"]["name"] == "web":
            raise BrokenError("weights sum to 101")
        return Plan(status=a_patch(other, seen, {"status": DONE}, sub="status"))

    story = Story(reconcile).listed((WEB, web("7")), (other, an_object(other, "8")))

    assert story.send().ref == other
    assert story.notes() == ["ReconcileBroken"]

    for _ in range(3):
        story.later(1000).turn()

    assert story.notes() == ["ReconcileBroken"]
    assert story.machine.counts.broken["Rollout"] == 4


def test_a_hiccup_is_tried_again():
    moods = iter([HiccupError("later"), None])

    def reconcile(seen: Manifest, now: Instant) -> Plan:
        if mood := next(moods):
            raise mood
        return Plan(status=report(seen, **DONE))

    story = Story(reconcile).listed((WEB, web("7")))

    assert story.sent() is None
    assert story.later(1).send().verb == "patch"


def test_a_plan_against_the_house_laws_is_never_sent():
    def reconcile(seen: Manifest, now: Instant) -> Plan:
        grow = a_patch(SET, an_object(SET, "5"), {})
        return Plan(latch=report(seen, step=1), actions=(grow,))

    story = Story(reconcile).listed((WEB, web("7")))

    assert story.sent() is None
    assert story.notes() == ["ReconcileBroken"]


def test_without_a_term_nothing_is_sent_and_the_cache_stays_warm():
    story = Story(wanting(**DONE), leading=False).listed((WEB, web("7")))

    assert story.sent() is None

    story.machine.lead(1, story.now)

    assert story.send().verb == "patch"


def test_a_term_that_ends_takes_its_unsent_requests_with_it():
    story = Story(grow_then_report).listed((WEB, web("7")))
    create = story.send()
    story.machine.lead(None, story.now)
    story.answer(create, 201, an_object(SET, "19", owner="uid-web"))

    assert story.sent() is None

    story.machine.lead(2, story.now)

    assert story.sent() is None  # the write of the old term is still unseen
    assert story.told(SET, an_object(SET, "19", owner="uid-web"), "ADDED").send().verb in ("get", "create")


def test_dry_run_tells_the_letter_and_sends_nothing():
    story = Story(wanting(**DONE), dry_run=True).listed((WEB, web("7")))

    assert story.sent() is None
    assert story.turns[-1].notes[0].message == "report status.phase='Healthy'"

    story.told(WEB, web("8", spec={})).turn()

    assert story.notes() == ["DryRun"]


def reading(refs: tuple[Ref, ...] = (), owner: str = "", labels: dict[str, str] | None = None):
    def gather(ref, reader):
        root = reader.get(ref)
        for one in refs:
            reader.get(one)
        if owner:
            reader.owned_by(REPLICA_SET, owner)
        if labels is not None:
            reader.select(REPLICA_SET, "shop", labels)
        return root

    return gather


@pytest.mark.parametrize(
    ("story", "gather", "body", "turns"),
    [
        ("an object that was absent appears", reading((SET,)), an_object(SET, "20"), 2),
        ("an object of another name appears", reading((ROUTE,)), an_object(SET, "20"), 1),
        ("an object of the owner appears", reading(owner="uid-web"), an_object(SET, "20", owner="uid-web"), 2),
        ("an object of another owner appears", reading(owner="uid-web"), an_object(SET, "20", owner="x"), 1),
        ("a selected one", reading(labels={"a": "1"}), an_object(SET, "20", metadata=LABELLED), 2),
        (
            "not selected",
            reading(labels={"a": "1", "b": "2"}),
            an_object(SET, "20", metadata={"labels": {"a": "1"}}),
            1,
        ),
        ("all of a namespace", reading(labels={}), an_object(SET, "20"), 2),
    ],
)
def test_a_key_wakes_for_what_its_gather_read(story, gather, body, turns):
    told = Story(lambda seen, now: Plan(), gather).listed((WEB, web("7")))
    told.turn()
    told.told(SET, body, "ADDED").turn()

    assert told.calls == turns, story


def test_a_change_of_the_version_alone_wakes_nobody():
    story = Story(lambda seen, now: Plan(), reading((SET,))).listed((WEB, web("7")), (SET, an_object(SET, "5")))
    story.turn()
    body = an_object(SET, "20", metadata={"managedFields": [{"manager": "x"}]})
    story.told(SET, body).turn()

    assert story.calls == 1
    assert "managedFields" not in story.machine.cache.get(SET)["metadata"]
    assert story.machine.cache.get(SET)["metadata"]["resourceVersion"] == "20"


def test_doubled_late_and_ghostly_events_change_nothing():
    story = Story(lambda seen, now: Plan(), reading((SET,))).listed((WEB, web("7")), (SET, an_object(SET, "12")))
    story.told(SET, an_object(SET, "12"), "ADDED")
    story.told(SET, an_object(SET, "11"))
    story.told(SET, an_object(SET, "15"), "DELETED")
    story.told(SET, an_object(SET, "14"))

    assert story.machine.cache.get(SET) is None
    assert story.machine.counts.stale_events == 3


def test_a_wake_comes_round_on_time_and_an_answer_too():
    asked = Ask("run/metric/1", None, "shop", 5.0)  # type: ignore[arg-type]  # the machine never looks inside
    seen_answers = []

    def gather(ref, reader):
        seen_answers.append(reader.answer(asked.id))
        return reader.get(ref)

    story = Story(lambda seen, now: Plan(asks=(asked,), wake=now.plus(30)), gather).listed((WEB, web("7")))
    turn = story.turn()

    assert turn.asks == (asked,)
    assert turn.wake == START.plus(30)

    answer = Answer(asked.id, START, START, value=1.0)
    story.later(1).machine.answered(answer, story.now)

    assert story.turn().asks == ()
    assert seen_answers == [None, answer]
    assert story.turn().wake == story.now.plus(30)


def test_notes_are_told_once_the_writes_went_through():
    def reconcile(seen: Manifest, now: Instant) -> Plan:
        if seen.get("status"):
            return Plan()
        return Plan(status=report(seen, **DONE), notes=(Note("RolloutCompleted", "done", WEB, "uid-web"),))

    story = Story(reconcile).listed((WEB, web("7")))
    request = story.send()

    assert story.notes() == []

    story.answer(request, body=web("11", status=DONE)).turn()

    assert story.notes() == ["RolloutCompleted"]


def test_a_key_that_writes_in_circles_is_slowed_down():
    def reconcile(seen: Manifest, now: Instant) -> Plan:
        return Plan(status=report(seen, turn=(seen.get("status") or {}).get("turn", 0) + 1))

    story = Story(reconcile, settings=Settings(plans_per_window_max=5)).listed((WEB, web("7")))
    writes = 0
    for version in range(100, 200):
        request = story.sent()
        if request is None:
            break
        writes += 1
        story.answer(request, body=web(str(version), status={"turn": writes}))
        story.told(WEB, web(str(version), status={"turn": writes}))

    assert writes == 5
    assert story.machine.counts.circling == 1


def test_a_rollout_that_is_gone_is_forgotten():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    request = story.send()
    story.told(WEB, web("12"), "DELETED")
    story.answer(request, 404, {}).turn()

    assert story.sent() is None
    assert story.machine.key(WEB) is None


def test_a_rollout_made_anew_under_the_same_name_is_another_one():
    story = Story(wanting(**DONE)).listed((WEB, web("7")))
    request = story.send()
    story.told(WEB, web("12"), "DELETED").told(WEB, web("13", uid="uid-anew"), "ADDED")
    story.answer(request, 409, {})

    assert story.send().body["metadata"] == {"uid": "uid-anew", "resourceVersion": "13"}


def test_the_same_story_twice_gives_the_same_letters():
    def run() -> list[str]:
        refs = [Ref(ROLLOUT, "shop", f"r{number}") for number in range(40)]
        story = Story(
            lambda seen, now: Plan(actions=(Create(SET, an_object(SET, ""), "uid", Stage.GROW),), wake=now.plus(1)),
            reading((SET, ROUTE), owner="uid-web", labels={"a": "1"}),
        )
        story.listed(*((ref, an_object(ref, "5")) for ref in refs))
        letters = []
        for round_ in range(20):
            turn = story.turn()
            letters += [f"{request.id} {request.ref}" for request in turn.requests]
            for request in turn.requests:
                story.answer(request, (200, 409, 500, 0)[request.id % 4], an_object(SET, str(100 + round_)))
            story.later(0.3).told(SET, an_object(SET, str(100 + round_)))
        return letters

    assert run() == run()


def test_a_room_waits_until_everything_it_reads_was_listed():
    story = Story(wanting(**DONE))
    story.machine.replace(ROLLOUT, [web("7")], "10", story.now)

    assert story.sent() is None

    story.machine.replace(REPLICA_SET, [], "10", story.now)
    story.machine.replace(INGRESS, [], "10", story.now)

    assert story.send().verb == "patch"


def test_a_word_is_known_since_it_was_first_read_and_forgotten_when_it_is_not():
    since = []

    def gather(ref, reader):
        root = reader.get(ref)
        if root.get("spec"):
            since.append(reader.known_since(f"pause {root['spec']}"))
        return root

    story = Story(lambda seen, now: Plan(), gather).listed((WEB, web("7")))
    for version, spec in enumerate(("a", "a", "b", None, "a"), 10):
        story.later(1).told(WEB, web(str(version), spec=spec, status={"version": version})).turn()

    assert [moment.since(START) for moment in since] == [1, 1, 3, 5]
