"""`rollouts analyze` asks a real Prometheus what a service did."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollouts.devplane.child import free_port
from tests.cli.conftest import Type
from tests.plane.leftout import leave_out
from tests.plane.traffic import find_prometheus, remembering

HOURS = 3
STEP_S = 10
RATES = {"good": 0.01, "bad": 0.05}
TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata:
  name: above-four-percent
spec:
  args:
    - name: hash
  metrics:
    - name: failures
      interval: 30s
      count: 4
      failureCondition: result[0] > 0.04
      provider:
        prometheus:
          address: http://prometheus.monitoring:9090
          query: sum(rate(r_total{hash="{{args.hash}}",code="500"}[1m])) / sum(rate(r_total{hash="{{args.hash}}"}[1m]))
"""


def began_s(name: str, now_s: float) -> float:
    """When each canary began: an hour ago and half an hour ago."""
    return now_s - {"good": 3600, "bad": 1800}[name]


def samples(now_s: float) -> Iterator[str]:
    """Three hours of nine stable pods, and ten minutes of each canary."""
    rng = np.random.default_rng(4)
    yield "# TYPE r counter"
    spans = {f"s-{pod}": ("stable", now_s - HOURS * 3600, now_s, 0.01) for pod in range(9)}
    spans |= {f"c-{name}": (name, began_s(name, now_s), began_s(name, now_s) + 600, rate)
              for name, rate in RATES.items()}  # fmt: skip
    for pod, (version, first_s, last_s, rate) in spans.items():
        counts = rng.poisson(200, int((last_s - first_s) / STEP_S))
        bad = rng.binomial(counts, rate)
        for code, steps in (("200", counts - bad), ("500", bad)):
            for number, value in enumerate(np.cumsum(steps)):
                at = f"{first_s + STEP_S * (number + 1):.3f}"
                yield f'r_total{{pod="{pod}",hash="{version}",code="{code}"}} {value} {at}'
    yield "# EOF\n"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[tuple[str, float]]:
    """(address, now) of a Prometheus that holds the samples."""
    program = find_prometheus()
    if program is None:
        leave_out(request.config, "Prometheus", "neither on the PATH nor beside the plane's binaries")
    folder, now_s = tmp_path_factory.mktemp("past"), float(int(time.time()))
    with remembering(program, folder, "\n".join(samples(now_s))) as url:
        yield url, now_s


def a_run(name: str, now_s: float, phase: str) -> dict[str, Any]:
    """A comparison of a canary with stable, as a controller would have left it."""
    comparison = {
        "address": "http://prometheus.monitoring:9090", "canary": 'r_total{hash="{{args.hash}}"}',
        "stable": 'r_total{hash="stable"}', "bad": 'code="500"',
    }  # fmt: skip
    metric = {"name": "errors", "interval": "10s", "count": 20, "provider": {"comparison": comparison}}
    first, last = (datetime.fromtimestamp(began_s(name, now_s) + more, UTC).isoformat() for more in (-5, 205))
    return {
        "kind": "AnalysisRun", "metadata": {"name": name},
        "spec": {"args": [{"name": "hash", "value": name}], "metrics": [metric]},
        "status": {"phase": phase, "startedAt": first, "completedAt": last},
    }  # fmt: skip


def test_pseudo_canaries_of_the_last_hours_are_judged(typed: Type, past: tuple[str, float]) -> None:
    common = ("--address", past[0], "--requests", 'r_total{hash="stable"}', "--bad", 'code="500"')
    outcome = typed("analyze", "backtest", *common, "--plan", "10%:5m", "--windows", "3", "--over", "2h", "--inject",
                    "10", "-o", "json")  # fmt: skip
    calm, faulty = json.loads(outcome.out)["summary"]

    assert outcome.code == 0
    assert (calm["trials"], calm["aborted"]) == (3, 0)
    assert (faulty["aborted"], faulty["abort_s"] <= 30) == (1, True)


def test_past_runs_are_judged_again_by_their_own_metrics(typed: Type, past: tuple[str, float], tmp_path: Path) -> None:
    runs = tmp_path / "runs.json"
    items = [a_run("good", past[1], "Successful"), a_run("bad", past[1], "Successful"), {"kind": "AnalysisRun"}]
    runs.write_text(json.dumps({"kind": "List", "items": items}))
    outcome = typed("analyze", "backtest", "--runs", str(runs), "--address", past[0], "-o", "json")
    good, bad = json.loads(outcome.out)

    assert outcome.code == 0
    assert good["now"] in ("Successful", "Inconclusive")
    assert (bad["was"], bad["now"]) == ("Successful", "Failed")
    assert bad["afterSeconds"] <= 60
    assert "evidence" in bad["message"]


def test_another_template_judges_past_runs_with_their_arguments(
    typed: Type, past: tuple[str, float], tmp_path: Path
) -> None:
    runs, template = tmp_path / "runs.json", tmp_path / "template.yaml"
    runs.write_text(json.dumps([a_run("good", past[1], "Failed"), a_run("bad", past[1], "Failed")]))
    template.write_text(TEMPLATE)
    told = typed("analyze", "backtest", "--runs", str(runs), "-f", str(template), "--address", past[0]).out

    assert "* good: was Failed, now Successful" in told
    assert "  bad: was Failed, now Failed" in told
    assert "1 of 2 runs: was Failed, now Successful" in told


def test_a_server_that_does_not_answer_is_an_error_of_each_question(
    typed: Type, past: tuple[str, float], tmp_path: Path
) -> None:
    runs = tmp_path / "runs.json"
    runs.write_text(json.dumps(a_run("good", past[1], "Successful")))
    outcome = typed("analyze", "backtest", "--runs", str(runs), "--address", f"http://127.0.0.1:{free_port()}")

    assert outcome.code == 0
    assert "now Error" in outcome.out


OF_STABLE = ("--requests", 'r_total{hash="stable"}', "--bad", 'code="500"')


def test_a_plan_is_simulated_on_what_the_service_does(typed: Type, past: tuple[str, float]) -> None:
    asked = ("--from-prometheus", past[0], *OF_STABLE, "--plan", "10%:10m")
    outcome = typed("analyze", "simulate", *asked, "-o", "json")
    seen = json.loads(outcome.out)["baseline"]

    assert outcome.code == 0
    assert (seen["pods"], seen["scrape_s"]) == (9, 10.0)
    assert seen["rps"] == pytest.approx(180, rel=0.02)
    assert seen["errors"] == pytest.approx(0.01, rel=0.1)
    assert 1 <= seen["dispersion"] < 1.2
    assert typed("analyze", "simulate", *asked).out.startswith("seen: 9 pods, 1")


def test_what_is_told_goes_before_what_is_seen(typed: Type, past: tuple[str, float]) -> None:
    plan = ("--plan", "10%:10m", "--rps", "20", "--errors", "2%", "--dispersion", "1")
    told = json.loads(typed("analyze", "simulate", *plan, "-o", "json").out)
    both = json.loads(typed("analyze", "simulate", "--from-prometheus", past[0], *OF_STABLE, *plan, "-o", "json").out)

    assert told == {name: value for name, value in both.items() if name != "baseline"}


def test_thresholds_and_windows_are_tried_on_the_live_service(
    typed: Type, past: tuple[str, float], tmp_path: Path
) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(TEMPLATE.replace("failureCondition: result[0] > 0.04", "successCondition: result[0] <= 0.011")
                    .replace("[1m]", "[30s]"))  # fmt: skip
    outcome = typed("analyze", "lint", "-f", str(file), "--live", past[0], *OF_STABLE, "-o", "json")
    found = {each["code"]: each["text"] for each in json.loads(outcome.out)}

    assert outcome.code == 1
    assert found["L03"] == "a window of 30 s holds fewer than four scrapes of 10 s"
    assert "lies inside" in found["L06"]
    assert "healthy canaries would be aborted" in found["L11"]


def test_a_service_without_samples_is_told(typed: Type, past: tuple[str, float]) -> None:
    asked = ("--from-prometheus", past[0], "--requests", "nobody", "--bad", 'code="500"', "--plan", "10%:10m")
    outcome = typed("analyze", "simulate", *asked)

    assert outcome.code == 2
    assert "the selector gives no samples: look at its labels, or further back" in outcome.err


@pytest.mark.parametrize("verb", [("simulate", "--plan", "10%:5m", "--from-prometheus"), ("lint", "--live")])
def test_a_server_that_is_away_is_an_error(typed: Type, verb: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    more = ("-f", str(tmp_path)) if verb[0] == "lint" else ()
    outcome = typed("analyze", *verb, f"http://127.0.0.1:{free_port()}", *OF_STABLE, *more)

    assert outcome.code == 2
    assert "did not answer" in outcome.err


def test_a_server_alone_does_not_say_which_service(typed: Type) -> None:
    outcome = typed("analyze", "simulate", "--plan", "10%:5m", "--from-prometheus", "http://127.0.0.1:9")

    assert outcome.code == 64
    assert "missing option '--requests'" in outcome.err
