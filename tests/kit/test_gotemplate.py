"""Go templates say what kubectl says: `gotemplate.json` holds what kubectl 1.37 answered, null where it refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollouts.kit.gotemplate import GoTemplate, GoTemplateError
from rollouts.kit.gotemplate import run as run_module
from rollouts.kit.gotemplate.lexer import TEMPLATE_CHARS_MAX

RECORDED = json.loads((Path(__file__).parent / "gotemplate.json").read_text())


def said(template: str, value: Any) -> str | None:
    try:
        return GoTemplate.of(template).text(value)
    except GoTemplateError:
        return None


def test_every_template_says_what_kubectl_says():
    ours = [[template, said(template, RECORDED["object"])] for template, _ in RECORDED["vectors"]]

    assert len(ours) > 280
    assert ours == RECORDED["vectors"]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{.spec\n.replicas", "1:3: an action that is not closed"),
        ("a\n {{foo .}}", "2:4: function 'foo' is not defined"),
        ("{{range .a}}", "1:3: what is opened here has no {{end}}"),
        ("{{.name.first}}", "1:3: a value of type string has no field first"),
        ("{{index .list 5}}", "1:3: index out of range: 5"),
        ('{{printf "%*d" 3 4}}', "'*' behind % is not spoken here"),
        ('{{printf "%2000d" 4}}', "a width of more than 1000"),
        ("{{" + "(" * 40 + ".a" + ")" * 40 + "}}", "more than 32 levels"),
        ("{{if .name}}" * 40, "more than 32 levels"),
        ("x" * (TEMPLATE_CHARS_MAX + 1), "longer than"),
        ('{{define "r"}}{{template "r"}}{{end}}{{template "r"}}', "templates inside one another"),
    ],
)
def test_a_refusal_says_where_and_why(template: str, told: str):
    with pytest.raises(GoTemplateError) as caught:
        GoTemplate.of(template).text({"name": "web", "list": [1]})

    assert told in str(caught.value)


def test_no_template_runs_for_ever():
    with pytest.raises(GoTemplateError, match="steps"):
        GoTemplate.of("{{range 100000}}{{range 100000}}x{{end}}{{end}}").text({})
    with pytest.raises(GoTemplateError, match="characters"):
        GoTemplate.of("{{range 100000}}{{$.long}}{{end}}").text({"long": "x" * 1000})


def test_a_range_over_a_huge_number_is_not_laid_out_first(monkeypatch):
    monkeypatch.setattr(run_module, "STEPS_MAX", 10)
    with pytest.raises(GoTemplateError, match="more than 10 steps"):
        GoTemplate.of("{{range 1000000000000}}x{{end}}").text({})
