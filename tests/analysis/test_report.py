"""A comparison told afterwards: in words and as a picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from analysis.compare.stream import Stream
from analysis.compare.terms import Terms
from analysis.errors import AnalysisError
from analysis.report import of_lines, of_run, page, svg, words
from tests.analysis.test_judge import looks


def findings(canary=0.05):
    stream = Stream(Terms())
    return [stream.line(json.dumps(look)) for look in looks(canary=canary, before=40, during=30)]


def a_run():
    rows = [json.loads(line) for line in findings()[41:]]
    measured = [
        {"value": json.dumps({**row, "canary": {"requests": 20 * row["t"], "bad": row["t"]},
                              "stable": {"requests": 180 * row["t"], "bad": 1.8 * row["t"]}}),
         "message": row["why"], "finishedAt": f"2026-03-01T12:{row['t'] // 60:02}:{row['t'] % 60:02}Z"}
        for row in rows
    ]  # fmt: skip
    spec = {"metrics": [{"name": "errors", "provider": {"comparison": {"alpha": "0.01"}}}]}
    results = [{"name": "errors", "measurements": measured}, {"name": "other", "measurements": [{"value": "[0.3]"}]}]
    return {"spec": spec, "status": {"metricResults": results}}


def test_the_words_hold_the_decision_the_evidence_and_the_floor():
    told = of_run(a_run())
    said = "\n".join(words(told[0]))

    assert [each.name for each in told] == ["errors"]
    assert "errors: abort" in said
    assert "limit 100 : 1" in said
    assert "no rule could have known before" in said


def test_findings_of_the_judge_are_read_without_their_history():
    told = of_lines(findings())

    assert told.points[0].at_s == 10
    assert len(told.points) == 30


def test_the_picture_is_svg_with_band_limits_and_the_point_of_decision():
    root = ET.fromstring(svg(of_lines(findings())))
    names = [each.tag.rpartition("}")[2] for each in root.iter()]
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]

    assert names.count("polygon") == 1
    assert names.count("polyline") == 3
    assert texts.count("abort") == 2


def test_the_page_needs_nothing_from_elsewhere_and_shows_no_markup_of_others():
    told = of_run(a_run())
    found = page([told[0].__class__("<script>", told[0].points)])

    assert "<script>" not in found
    assert "http" not in found.replace("http://www.w3.org/2000/svg", "")


def test_nothing_measured_is_told_too():
    empty = of_run({"spec": {}, "status": {}})

    assert empty == ()
    assert svg(of_lines([])).startswith("<svg")
    assert list(words(of_lines([]))) == ["errors: no look"]


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"t": "x"}'])
def test_other_lines_are_refused_by_number(line):
    with pytest.raises(AnalysisError, match="line 1"):
        of_lines([line])
