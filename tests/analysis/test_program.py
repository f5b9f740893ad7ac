"""The judge alone: on the command line, on records, and against a server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from prometheus_api_client import PrometheusConnect

from analysis.__main__ import main
from analysis.asks import BasicAuth, PromQuery
from analysis.errors import AnalysisError
from analysis.fetch import fetch
from analysis.providers.prometheus import read

TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: error-rate}
spec:
  args: [{name: service}]
  metrics:
    - name: error-rate
      interval: 1s
      count: 2
      failureLimit: 0
      successCondition: result[0] <= 0.05
      provider:
        prometheus:
          address: ADDRESS
          query: errors{service="{{args.service}}"}
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.replace("ADDRESS", "http://prom:9090"), encoding="utf-8")
    return path


def an_answer(value):
    sample = {"metric": {"job": "web"}, "value": [1_700_000_000, value]}
    return {"status": "success", "data": {"resultType": "vector", "result": [sample]}}


class Prometheus(BaseHTTPRequestHandler):
    """Answers every query as Prometheus would, with the value 0.25, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, dict[str, list[str]], str | None]]] = []

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        form = parse_qs(self.rfile.read(length).decode())
        self.asked.append((self.path, form, self.headers.get("Authorization")))
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        body = json.dumps(an_answer("0.25")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Silence."""


@pytest.fixture
def server() -> Iterator[str]:
    Prometheus.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Prometheus) as serving:
        thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_a_recorded_run_is_judged_again(template, tmp_path, capsys):
    record = tmp_path / "answers.jsonl"
    lines = [{"metric": "error-rate", "at": 0, "answer": an_answer("0.01")},
             {"metric": "error-rate", "at": 1, "answer": an_answer("0.3")}]  # fmt: skip
    record.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")

    code = main(["replay", str(template), str(record), "--arg", "service=web"])

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "error-rate: Successful [0.01]",
        "error-rate: Failed [0.3]",
        'Failed: Metric "error-rate" assessed Failed due to failed (1) > failureLimit (0)',
    ]


def test_an_explanation_says_what_surprises(template, capsys):
    assert main(["explain", str(template), "--arg", "service=web"]) == 0

    said = capsys.readouterr().out
    assert "warning: metrics[0]: this metric fails on NaN" in said
    assert 'asks prometheus: errors{service="web"}' in said


def test_a_run_can_be_judged_from_here(template, server, capsys):
    template.write_text(TEMPLATE.replace("ADDRESS", server), encoding="utf-8")

    code = main(["run", str(template), "--arg", "service=web"])

    assert code == 1
    assert "error-rate: Failed [0.25]" in capsys.readouterr().out
    assert [form["query"] for _, form, _ in Prometheus.asked] == [['errors{service="web"}']]


def test_a_missing_argument_is_a_wrong_use(template, capsys):
    assert main(["explain", str(template)]) == 2
    assert capsys.readouterr().err == "args.service was not resolved\n"


def test_the_stock_client_reads_the_same_value(server):
    question = PromQuery(server, "errors", basic=BasicAuth("me", "pa55"))

    ours = read(fetch(question)).value
    theirs = PrometheusConnect(url=server).custom_query("errors")

    assert ours == [float(series["value"][1]) for series in theirs]
    assert Prometheus.asked[0][0] == "/api/v1/query"
    assert (Prometheus.asked[0][2] or "").startswith("Basic ")


def test_a_server_that_is_not_there_is_an_error_without_secrets():
    with pytest.raises(AnalysisError, match=r"http://127\.0\.0\.1:1 did not answer") as refused:
        fetch(PromQuery("http://127.0.0.1:1", "up", basic=BasicAuth("me", "pa55")))

    assert "pa55" not in str(refused.value)


def test_the_judge_does_not_bring_the_house_along():
    program = (
        "import sys, analysis, analysis.measuring, analysis.replay, analysis.__main__; "
        "print([name for name in ('rollouts', 'kopf', 'kubernetes', 'prometheus_api_client') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_the_public_names_are_there():
    import analysis

    assert all(getattr(analysis, name) for name in analysis.__all__)
    assert callable(analysis.judge)
