"""A plan as a person reads it."""

from __future__ import annotations

from pathlib import Path

from analysis.asks import PromQuery
from rollouts.core.plan import Ask, Create, Delete, Note, Patch, Plan, Stage
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest, Ref
from rollouts.view.letter import letter
from rollouts.view.style import Style
from tests.snapshots import matches
from tests.view import objects

HERE = Path(__file__).parent
WEB = Ref(kinds.ROLLOUT, "shop", "web")
INGRESS = Ref(kinds.INGRESS, "shop", "web-web-canary")
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
ASK = Ask("u/success-rate/1", PromQuery("http://prometheus", "sum(rate(\n  ok[1m]))", bearer="s3cret"), "shop", 30.0)


def find(ref: Ref) -> Manifest | None:
    """The Rollout and the canary's Ingress as they stand."""
    if ref == INGRESS:
        return {"metadata": {"name": ref.name, "annotations": {WEIGHT: "20"}}}
    return objects.rollout() if ref == WEB else None


def told(plan: Plan) -> str:
    """The letter as one text."""
    return "\n".join(letter(plan, objects.NOW, Style(), find)) + "\n"


def test_a_letter_shows_every_part_in_its_order() -> None:
    plan = Plan(
        actions=(
            Create(Ref(kinds.REPLICA_SET, "shop", "web-cc"), {}, "u-web"),
            Patch(INGRESS, {"metadata": {"annotations": {WEIGHT: "60"}}}, "u", "1"),
            Delete(Ref(kinds.REPLICA_SET, "shop", "web-zz"), "u", stage=Stage.SHRINK),
        ),
        status=Patch(WEB, {"status": {"phase": "Progressing", "message": None, "replicas": 6}}, "u", "1"),
        asks=(ASK,),
        notes=(Note("TrafficWeightUpdated", "Traffic weight updated from 20 to 60", WEB, "u-web"),),
        wake=objects.NOW.plus(90),
        rule="step 3/3: setWeight: 60",
    )

    matches(HERE / "letter.txt", told(plan))


def test_a_decision_stands_alone() -> None:
    body = {
        "status": {"currentStepIndex": 2, "conditions": [{"type": "Paused", "status": "False", "reason": "Resumed"}]}
    }

    matches(HERE / "letter-latch.txt", told(Plan(latch=Patch(WEB, body, "u", "1"), rule="the pause is over")))


def test_nothing_to_do_is_said() -> None:
    assert "nothing to do: the world is as wished" in told(Plan())


def test_no_credential_of_a_question_is_shown() -> None:
    assert "s3cret" not in told(Plan(asks=(ASK,)))
