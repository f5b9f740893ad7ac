"""`rollouts analyze …` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.cli.conftest import Outcome, Type

TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata:
  name: success
spec:
  args:
    - name: hash
  metrics:
    - name: success
      interval: 30s
      count: 10
      failureLimit: 4
      successCondition: result[0] >= 0.99
      provider:
        prometheus:
          address: http://p:9090
          query: sum(rate(r_total{h="{{args.hash}}",ok="1"}[1m])) / sum(rate(r_total{h="{{args.hash}}"}[1m]))
"""


def test_a_plan_is_simulated_in_one_screen(typed: Type) -> None:
    outcome = typed("analyze", "simulate", "--rps", "200", "--errors", "1%", "--plan", "10%:10m")

    assert outcome.code == 0
    assert len(outcome.out.splitlines()) <= 24
    assert "2 times the errors" in outcome.out


def test_a_simulation_is_data_too(typed: Type) -> None:
    outcome = typed("analyze", "simulate", "--rps", "20", "--errors", "1", "--plan", "5%:5m,50%:5m", "-o", "json")

    assert json.loads(outcome.out)["false_abort"] <= 0.02


def test_a_plan_that_makes_no_sense_is_a_usage_error(typed: Type) -> None:
    for wrong in ("10%", "110%:5m", "10%:soon", ""):
        outcome = typed("analyze", "simulate", "--rps", "20", "--errors", "1%", "--plan", wrong)

        assert outcome.code == 64, wrong
        assert outcome.err


def test_surprises_are_told_with_file_and_line_and_the_exit_code_says_so(typed: Type, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    outcome = typed("analyze", "lint", "-f", str(path))

    assert outcome.code == 1
    assert f"{path}:18:" in outcome.out
    assert "[L07]" in outcome.out


def test_what_is_safe_to_mend_is_mended_once(typed: Type, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    typed("analyze", "lint", "-f", str(path), "--fix")
    again = typed("analyze", "lint", "-f", str(path), "--fix")

    assert path.read_text().count("noData: inconclusive") == 1
    assert again.code == 0


def test_findings_are_sarif_for_whoever_shows_them_beside_the_code(typed: Type, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    run = json.loads(typed("analyze", "lint", "-f", str(path), "-o", "sarif").out)["runs"][0]

    assert {each["ruleId"] for each in run["results"]} <= {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] > 1


def test_a_file_that_is_not_there_is_told(typed: Type) -> None:
    assert typed("analyze", "lint", "-f", "/nowhere.yaml").code == 2


def test_what_a_judge_found_is_told_and_drawn(typed: Type, tmp_path: Path) -> None:
    finding = {"t": 10, "verdict": "abort", "eBad": 200.0, "eOk": 0.1, "rr": 5.0, "low": 1.2, "high": None,
               "null": "independent", "why": "evidence"}  # fmt: skip
    (tmp_path / "found.jsonl").write_text(f"{json.dumps(finding)}\n{json.dumps({**finding, 't': 20})}\n")
    picture, page = tmp_path / "errors.svg", tmp_path / "report.html"
    told = typed("analyze", "explain", "-f", str(tmp_path / "found.jsonl"), "--svg", str(picture), "--html", str(page))

    assert told.code == 0
    assert "200 : 1" in told.out
    assert picture.read_text().startswith("<svg")
    assert page.read_text().startswith("<!doctype html>")


def test_a_file_that_is_no_analysis_is_told(typed: Type, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("- a\n")

    assert typed("analyze", "explain", "-f", str(tmp_path / "other.yaml")).code == 2


def a_past(tmp_path: Path, seconds: int = 3600) -> Path:
    """A saved answer: ten pods, 20 rps each, 1 % bad."""
    rng = np.random.default_rng(1)
    result = []
    for pod in range(10):
        counts = rng.poisson(200, seconds // 10)
        bad = rng.binomial(counts, 0.01)
        for code, steps in (("200", counts - bad), ("500", bad)):
            values = [[10 * (number + 1), str(value)] for number, value in enumerate(np.cumsum(steps))]
            result.append({"metric": {"pod": f"p-{pod}", "code": code}, "values": values})
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
    return path


def backtest(typed: Type, path: Path, *more: str) -> Outcome:
    common = ("--samples", str(path), "--requests", "r_total", "--bad", 'code="500"', "--plan", "10%:10m")
    return typed("analyze", "backtest", *common, "--windows", "4", *more)


def test_the_past_is_judged_without_a_fault_and_with_injected_ones(typed: Type, tmp_path: Path) -> None:
    outcome = backtest(typed, a_past(tmp_path), "--inject", "5", "-o", "json", "--max-false-abort", "1%")
    calm, faulty = json.loads(outcome.out)["summary"]

    assert outcome.code == 0
    assert (calm["relative"], calm["aborted"]) == (1.0, 0.0)
    assert (faulty["relative"], faulty["aborted"]) == (5.0, 1.0)
    assert faulty["abort_s"] <= 40
    assert faulty["floor_s"] < faulty["abort_s"] + 10


def test_a_past_that_is_too_short_is_told(typed: Type, tmp_path: Path) -> None:
    assert backtest(typed, a_past(tmp_path, 600)).code == 2


def test_faults_below_one_are_a_usage_error(typed: Type, tmp_path: Path) -> None:
    assert backtest(typed, a_past(tmp_path), "--inject", "0.5").code == 64


def test_a_ready_template_is_explained_and_a_wrong_name_lists_them(typed: Type) -> None:
    args = ("--arg", "namespace=shop", "--arg", "ingress=web")
    told = typed("analyze", "run", "--library", "nginx-success-rate", *args, "--show")
    wrong = typed("analyze", "run", "--library", "nginx", "--show")

    assert told.code == 0
    assert "nginx_ingress_controller_requests" in told.out
    assert wrong.code == 2
    assert "nginx-latency" in wrong.err


def test_either_a_file_or_a_ready_template_is_run(typed: Type) -> None:
    assert typed("analyze", "run").code == 64


def test_a_threshold_is_tried_on_the_traffic_that_is_told(typed: Type, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)

    assert "[L11]" in typed("analyze", "lint", "-f", str(path), "--rps", "200").out
    assert typed("analyze", "lint", "-f", str(path), "--rps", "-1").code == 64
