"""An Experiment from its first turn to its end, as its owner and its watchers see it."""

from __future__ import annotations

import pytest

from rollouts.core.plan import Create
from rollouts.experiments import gather
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_service, a_template_of_analysis
from tests.experiments.world import TRIAL, Lab, a_set, an_experiment

JUDGED = {"name": "errors", "templateName": "success-rate"}
REQUIRED = {**JUDGED, "requiredForCompletion": True}


def running(**spec) -> Lab:
    lab = Lab(an_experiment(**spec))
    lab.settle(3.0)
    assert lab.status["phase"] == "Running"
    return lab


def test_it_makes_its_sets_waits_for_all_pods_and_then_lets_the_time_run():
    lab = Lab(an_experiment(a_set("baseline"), a_set("canary", "shop/web:2", replicas=2), duration="60s"))
    lab.settle(1.0)

    assert lab.pods == {"trial-baseline": 1, "trial-canary": 2}
    assert (lab.status["phase"], lab.phases) == ("Pending", ["Progressing", "Progressing"])
    assert "availableAt" not in lab.status

    lab.settle(2.0)

    assert (lab.status["phase"], lab.phases) == ("Running", ["Running", "Running"])
    assert lab.status["availableAt"]


def test_a_set_bears_the_marks_of_the_contract():
    lab = running()
    found = lab.objects[Ref(kinds.REPLICA_SET, NAMESPACE, "trial-canary")]
    hash_value = obj.labels(found)["rollouts-pod-template-hash"]

    assert obj.annotations(found)["experiment.argoproj.io/name"] == "trial"
    assert obj.annotations(found)["experiment.argoproj.io/template-name"] == "canary"
    assert found["spec"]["selector"]["matchLabels"] == {"app": "web", "rollouts-pod-template-hash": hash_value}
    assert obj.controller_uid(found) == obj.uid(lab.trial)
    assert lab.status["templateStatuses"][1]["podTemplateHash"] == hash_value


def test_two_sets_with_the_same_pods_have_hashes_of_their_own():
    lab = Lab(an_experiment(a_set("one"), a_set("two")))
    lab.settle(3.0)
    hashes = {obj.labels(each)["rollouts-pod-template-hash"] for each in lab.of(kinds.REPLICA_SET)}

    assert len(hashes) == 2


def test_it_is_successful_when_its_time_is_up_and_its_pods_leave_after_their_delay():
    lab = running(duration="60s")
    lab.settle(61.0)

    assert (lab.status["phase"], lab.phases) == ("Successful", ["Successful", "Successful"])
    assert set(lab.pods.values()) == {1}

    lab.settle(31.0)

    assert set(lab.pods.values()) == {0}
    assert lab.turn().is_quiet


def test_without_delay_the_pods_leave_at_once():
    lab = running(duration="10s", scaleDownDelaySeconds=0)
    lab.settle(11.0)

    assert set(lab.pods.values()) == {0}


def test_without_duration_it_runs_until_it_is_terminated():
    lab = running()
    lab.settle(5000.0)
    assert lab.status["phase"] == "Running"
    lab.edit(terminate=True)
    lab.settle(40.0)

    assert (lab.status["phase"], lab.status["message"]) == ("Successful", "terminated before its time")
    assert set(lab.pods.values()) == {0}


def test_pods_that_do_not_come_in_time_fail_it():
    lab = Lab(an_experiment(progressDeadlineSeconds=30))
    lab.broken.add("trial-canary")
    lab.settle(40.0)

    assert (lab.status["phase"], lab.phases) == ("Failed", ["Successful", "Failed"])
    assert lab.status["message"] == "Template 'canary' exceeded its progressDeadlineSeconds (30)"
    assert "TemplateFailed" in lab.reasons()


def test_a_set_that_the_api_server_refuses_is_late_and_says_why():
    lab = Lab(an_experiment(a_set("canary"), progressDeadlineSeconds=30))
    lab.refusing = lambda action: action.ref.kind == kinds.REPLICA_SET
    lab.refused_words = {Ref(kinds.REPLICA_SET, NAMESPACE, "trial-canary"): "exceeded quota"}
    lab.settle(1.0)
    lab.settle(40.0)

    assert lab.status["phase"] == "Failed"
    assert lab.status["message"].endswith("(30): exceeded quota")


def test_nobody_is_late_while_the_controller_was_away():
    lab = Lab(an_experiment(a_set("canary"), progressDeadlineSeconds=30))
    lab.turn()
    lab.now = lab.now.plus(100.0)
    lab.settle(3.0)

    assert lab.status["phase"] == "Running"


def test_pods_that_die_in_the_middle_have_the_deadline_to_come_back():
    lab = running(progressDeadlineSeconds=30)
    lab.broken.add("trial-canary")
    lab.set_pods("trial-canary", 0)
    lab.settle(20.0)
    assert (lab.status["phase"], lab.phases) == ("Running", ["Running", "Progressing"])
    lab.settle(20.0)

    assert lab.status["phase"] == "Failed"


def test_analyses_begin_when_all_pods_are_available():
    lab = Lab(an_experiment(analyses=[JUDGED]))
    lab.settle(1.0)
    assert lab.runs() == []
    lab.settle(2.0)

    assert lab.runs() == ["trial-errors"]
    assert lab.status["analysisRuns"] == [{"name": "errors", "analysisRun": "trial-errors", "phase": ""}]


@pytest.mark.parametrize("phase", ["Failed", "Error", "Inconclusive"])
def test_a_verdict_of_an_analysis_ends_it(phase):
    lab = running(duration="1h", analyses=[JUDGED])
    lab.finish_run("trial-errors", phase, "5 % are too many")
    lab.settle(40.0)

    assert (lab.status["phase"], lab.status["message"]) == (phase, "5 % are too many")
    assert set(lab.pods.values()) == {0}
    assert [note.severity for note in lab.notes if note.reason == f"Experiment{phase}"] == ["Warning"]


def test_the_end_of_the_time_waits_for_an_analysis_that_is_required():
    lab = running(duration="10s", analyses=[REQUIRED])
    lab.settle(600.0)
    assert lab.status["phase"] == "Running"
    lab.finish_run("trial-errors", "Successful")
    lab.settle(1.0)

    assert lab.status["phase"] == "Successful"


def test_without_duration_the_required_analyses_end_it():
    lab = running(analyses=[REQUIRED])
    lab.finish_run("trial-errors", "Successful")
    lab.settle(1.0)

    assert lab.status["phase"] == "Successful"


def test_time_that_passes_before_an_analysis_begins_judges_nothing():
    lab = running(duration="10s", analyses=[JUDGED])
    lab.settle(60.0)

    assert lab.status["phase"] == "Running"


def test_an_analysis_that_nobody_waits_for_is_terminated_at_the_end():
    lab = running(duration="10s", analyses=[JUDGED])
    lab.finish_run("trial-errors", "Running")
    lab.settle(11.0)
    run = lab.objects[Ref(kinds.ANALYSIS_RUN, NAMESPACE, "trial-errors")]

    assert lab.status["phase"] == "Successful"
    assert run["spec"]["terminate"] is True


def test_a_required_run_that_somebody_terminated_is_no_verdict():
    lab = running(analyses=[REQUIRED])
    lab.patch(Ref(kinds.ANALYSIS_RUN, NAMESPACE, "trial-errors"), {"spec": {"terminate": True}})
    lab.finish_run("trial-errors", "Successful")
    lab.settle(1.0)

    assert lab.status["phase"] == "Inconclusive"


def test_arguments_name_the_hashes_of_the_sets():
    args = [
        {"name": "by-name", "value": "{{templates.baseline.podTemplateHash}}"},
        {"name": "by-place", "value": "{{ templates.1.podTemplateHash }}"},
        {"name": "set", "value": "{{templates.canary.replicaset.name}}"},
    ]
    template = a_template_of_analysis("pairs", args=[{"name": each["name"]} for each in args])
    lab = Lab(an_experiment(analyses=[{"name": "pairs", "templateName": "pairs", "args": args}]), template)
    lab.settle(3.0)
    told = {each["name"]: each["podTemplateHash"] for each in lab.status["templateStatuses"]}
    given = {each["name"]: each["value"] for each in lab.of(kinds.ANALYSIS_RUN)[0]["spec"]["args"]}

    assert given == {"by-name": told["baseline"], "by-place": told["canary"], "set": "trial-canary"}


def test_a_missing_template_is_told_before_any_pod_is_made():
    lab = Lab(an_experiment(analyses=[{"name": "errors", "templateName": "gone"}]))
    lab.settle(3.0)

    assert lab.status["phase"] == "Error"
    assert lab.status["message"] == "analysis 'errors': AnalysisTemplate 'gone' not found"
    assert lab.pods == {}


def test_a_set_with_a_service_is_available_once_that_stands_and_loses_it_before_its_pods():
    lab = Lab(an_experiment(a_set("canary", service={"name": "preview"}), duration="5s", scaleDownDelaySeconds=5))
    lab.settle(3.0)
    service = lab.objects[Ref(kinds.SERVICE, NAMESPACE, "preview")]
    assert lab.status["templateStatuses"][0]["serviceName"] == "preview"
    assert service["spec"]["ports"][0]["targetPort"] == 8080
    hash_value = lab.status["templateStatuses"][0]["podTemplateHash"]
    assert service["spec"]["selector"] == {"app": "web", "rollouts-pod-template-hash": hash_value}
    lab.settle(20.0)
    last = [str(each.ref.kind) for letter in lab.letters for each in letter.actions][-2:]

    assert (lab.services(), lab.pods) == ([], {"trial-canary": 0})
    assert last == ["Service", "ReplicaSet"]


def test_a_service_without_a_name_has_that_of_the_set():
    lab = Lab(an_experiment(a_set("canary", service={})))
    lab.settle(3.0)

    assert lab.services() == ["trial-canary"]


def test_a_service_of_somebody_else_is_never_taken():
    lab = Lab(an_experiment(a_set("canary", service={"name": "theirs"}), scaleDownDelaySeconds=0), a_service("theirs"))
    lab.settle(3.0)

    assert lab.status["phase"] == "Error"
    assert obj.controller_uid(lab.objects[Ref(kinds.SERVICE, NAMESPACE, "theirs")]) == ""
    assert set(lab.pods.values()) <= {0}


def test_two_sets_never_share_a_service():
    lab = Lab(an_experiment(a_set("one", service={"name": "both"}), a_set("two", service={"name": "both"})))
    lab.settle(3.0)

    assert lab.status["phase"] == "Error"


def test_sets_whose_names_run_into_each_other_get_a_replicaset_each():
    taken = {"name": "trial-b", "namespace": NAMESPACE}
    theirs = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": taken, "spec": {"replicas": 0}}
    lab = Lab(an_experiment(a_set("b-1"), a_set("b")), theirs)
    lab.settle(3.0)

    assert lab.status["phase"] == "Running"
    assert sorted(name for name, wanted in lab.pods.items() if wanted) == ["trial-b-1", "trial-b-2"]


def test_a_name_that_is_taken_is_avoided():
    meta = {"name": "trial-canary", "namespace": NAMESPACE}
    theirs = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": {"replicas": 3}}
    lab = Lab(an_experiment(a_set("canary")), theirs)
    lab.settle(3.0)

    assert lab.status["phase"] == "Running"
    assert lab.pods == {"trial-canary": 3, "trial-canary-1": 1}
    assert lab.status["templateStatuses"][0]["collisionCount"] == 1


def test_a_retry_runs_it_again_with_runs_of_a_new_name():
    lab = running(duration="5s", analyses=[REQUIRED])
    lab.finish_run("trial-errors", "Failed")
    lab.settle(60.0)
    assert lab.status["phase"] == "Failed"
    lab.patch(TRIAL, {"status": None})
    lab.settle(5.0)

    assert lab.status["phase"] == "Running"
    assert lab.runs() == ["trial-errors", "trial-errors.1"]
    assert set(lab.pods.values()) == {1}


def test_a_verdict_is_remembered_when_its_run_is_cleared_away():
    lab = running(duration="60s", analyses=[REQUIRED])
    lab.finish_run("trial-errors", "Successful")
    lab.settle(1.0)
    del lab.objects[Ref(kinds.ANALYSIS_RUN, NAMESPACE, "trial-errors")]
    lab.settle(61.0)

    assert lab.status["phase"] == "Successful"
    assert lab.runs() == []


def test_a_run_that_vanishes_without_a_verdict_is_made_again():
    lab = running(analyses=[REQUIRED])
    del lab.objects[Ref(kinds.ANALYSIS_RUN, NAMESPACE, "trial-errors")]
    lab.settle(1.0)

    assert lab.runs() == ["trial-errors"]


def test_a_set_that_the_spec_no_longer_names_goes():
    lab = running()
    lab.edit(templates=[a_set("baseline")])
    lab.settle(1.0)

    assert lab.pods == {"trial-baseline": 1, "trial-canary": 0}


def test_a_spec_that_becomes_invalid_ends_it_and_frees_its_pods():
    lab = running()
    lab.edit(templates=[a_set("baseline"), a_set("baseline")])
    lab.settle(40.0)

    assert lab.status["phase"] == "Error"
    assert lab.status["conditions"][0]["type"] == "InvalidSpec"
    assert set(lab.pods.values()) == {0}


def test_every_decision_stands_alone_and_a_crash_after_any_write_changes_nothing():
    lab = running(duration="10s", analyses=[JUDGED])
    lab.finish_run("trial-errors", "Running")
    lab.settle(60.0)
    whole = {key: lab.status[key] for key in ("phase", "message") if key in lab.status}
    for letter in lab.letters:
        assert not (letter.latch and letter.actions)

    fragile = Lab(an_experiment(duration="10s", analyses=[JUDGED]))
    turns = [0]

    def lost(action):
        turns[0] += 1
        return turns[0] % 2 == 0 and not isinstance(action, Create)

    fragile.refusing = lost
    fragile.settle(5.0)
    fragile.finish_run("trial-errors", "Running")
    fragile.settle(120.0)

    assert {key: fragile.status[key] for key in ("phase", "message") if key in fragile.status} == whole
    assert fragile.pods == lab.pods


def test_an_edited_status_never_stops_it():
    lab = running(duration="10s")
    lab.patch(TRIAL, {"status": {"availableAt": "never", "templateStatuses": "none", "conditions": 5}})
    lab.settle(20.0)

    assert lab.status["phase"] == "Successful"


def test_the_message_of_a_run_is_cut():
    lab = running(analyses=[REQUIRED])
    lab.finish_run("trial-errors", "Running", "m" * 5000)
    lab.settle(10.0)

    assert len(lab.status["analysisRuns"][0]["message"]) <= 1024


def test_the_gather_of_what_is_gone_is_nothing():
    lab = running()
    del lab.objects[TRIAL]

    assert gather(TRIAL, lab) is None
