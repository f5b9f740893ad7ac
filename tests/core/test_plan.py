import pytest

from rollouts.core.errors import BrokenError
from rollouts.core.plan import ACTIONS_MAX, Create, Delete, Patch, Plan, Stage, status_patch
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import ANALYSIS_RUN, INGRESS, REPLICA_SET, ROLLOUT
from rollouts.kube.ref import Ref

NOW = Instant.of(1000)
WEB = Ref(ROLLOUT, "shop", "web")
SEEN = {"metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7"}}
LATCH = status_patch(ROLLOUT, WEB, SEEN, {"currentStepIndex": 1})
WEIGHT = Patch(Ref(INGRESS, "shop", "web-canary"), {"metadata": {"annotations": {"w": "20"}}}, "u2", "8")
GROW = Create(Ref(REPLICA_SET, "shop", "web-1"), {}, "u1")
SHRINK = Delete(Ref(REPLICA_SET, "shop", "web-0"), "u3")


def test_a_plan_that_keeps_the_laws_passes():
    Plan(actions=(GROW, WEIGHT, SHRINK), status=LATCH, wake=NOW.plus(1)).check(NOW)
    Plan(latch=LATCH).check(NOW)

    assert Plan().is_quiet


@pytest.mark.parametrize(
    ("story", "plan"),
    [
        ("a latch beside an action", Plan(latch=LATCH, actions=(WEIGHT,))),
        ("a latch beside a report", Plan(latch=LATCH, status=LATCH)),
        ("removal before traffic", Plan(actions=(SHRINK, WEIGHT))),
        ("traffic before capacity", Plan(actions=(WEIGHT, GROW))),
        ("a wake in the past", Plan(wake=NOW)),
        ("a patch of something never seen", Plan(actions=(Patch(WEB, {}, "", "7"),))),
        ("a patch without a version", Plan(actions=(Patch(WEB, {}, "u1", ""),))),
        ("more actions than the bound", Plan(actions=(GROW,) * (ACTIONS_MAX + 1))),
    ],
)
def test_a_plan_that_breaks_a_law_is_refused(story, plan):
    with pytest.raises(BrokenError):
        plan.check(NOW)


def test_a_letter_reads_line_by_line():
    letter = str(Plan(actions=(GROW, WEIGHT), status=LATCH, wake=NOW))

    assert letter.splitlines() == [
        "create ReplicaSet/shop/web-1",
        "patch Ingress/shop/web-canary metadata.annotations.w='20'",
        "report status.currentStepIndex=1",
        "wake 1970-01-01T00:16:40Z",
    ]
    assert str(Plan()) == "nothing to do"


def test_status_goes_to_the_subresource_only_where_there_is_one():
    assert LATCH.subresource == "status"
    assert status_patch(ANALYSIS_RUN, WEB, SEEN, {}).subresource == ""


def test_stages_are_ordered_grow_shift_shrink():
    assert sorted(Stage) == [Stage.GROW, Stage.SHIFT, Stage.SHRINK]
