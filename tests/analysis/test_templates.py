"""Several templates, nested ones and their arguments become the spec of one run."""

from __future__ import annotations

import pytest

from analysis import args
from analysis.asks import SecretRef, home, slot
from analysis.errors import AnalysisError
from analysis.templates import NESTING_MAX, TemplateName, build_run_spec, flatten, nested


def a_metric(name="ok", **fields):
    return {"name": name, "provider": {"prometheus": {"address": "http://prom:9090", "query": "up"}}, **fields}


def refusal(call, *given, **named):
    with pytest.raises(AnalysisError) as refused:
        call(*given, **named)
    return str(refused.value)


def test_metrics_of_several_templates_run_together():
    spec = build_run_spec([{"metrics": [a_metric("a")]}, {"metrics": [a_metric("b")]}], [])

    assert [metric["name"] for metric in spec["metrics"]] == ["a", "b"]
    assert "args" not in spec


def test_two_metrics_of_one_name_conflict():
    templates = [{"metrics": [a_metric("a")]}, {"metrics": [a_metric("a")]}]

    assert refusal(build_run_spec, templates, []) == "two metrics have the same name 'a'"


def test_the_owners_arguments_override_the_templates():
    template = {"metrics": [a_metric()], "args": [{"name": "service", "value": "x"}, {"name": "limit", "value": "1"}]}

    spec = build_run_spec([template], [{"name": "service", "value": "web"}, {"name": "unknown", "value": "?"}])

    assert spec["args"] == [{"name": "service", "value": "web"}, {"name": "limit", "value": "1"}]


def test_an_argument_without_value_is_named():
    template = {"metrics": [a_metric()], "args": [{"name": "service"}]}

    assert refusal(build_run_spec, [template], []) == "args.service was not resolved"


def test_templates_may_share_an_argument_but_not_disagree_on_it():
    first = {"metrics": [a_metric("a")], "args": [{"name": "x", "value": "1"}]}
    second = {"metrics": [a_metric("b")], "args": [{"name": "x"}]}
    third = {"metrics": [a_metric("c")], "args": [{"name": "x", "value": "2"}]}

    assert build_run_spec([first, second], [])["args"] == [{"name": "x", "value": "1"}]
    assert refusal(build_run_spec, [first, third], []) == "Argument `x` specified multiple times with different values"


def test_a_secret_argument_stays_a_reference():
    reference = {"secretKeyRef": {"name": "token", "key": "value"}}
    template = {"metrics": [a_metric()], "args": [{"name": "token", "valueFrom": reference}]}

    assert build_run_spec([template], [])["args"] == [{"name": "token", "valueFrom": reference}]


def test_dry_run_rules_may_not_repeat():
    template = {"metrics": [a_metric()], "dryRun": [{"metricName": "ok"}]}

    assert build_run_spec([template], [])["dryRun"] == [{"metricName": "ok"}]
    assert (
        refusal(build_run_spec, [template], [], [{"metricName": "ok"}])
        == "two Dry-Run metric rules have the same name 'ok'"
    )


def naming(*names):
    return {"metrics": [a_metric("-".join(names) or "leaf")], "templates": [{"templateName": name} for name in names]}


def test_nested_templates_are_gathered_once_each():
    known = {"a": naming("b", "c"), "b": naming("d"), "c": naming("d", "d"), "d": naming()}

    found = flatten([TemplateName("a")], lambda name: known.get(name.name))

    assert found == (known["a"], known["b"], known["d"], known["c"])
    assert nested(known["a"]) == (TemplateName("b"), TemplateName("c"))


def test_a_circle_of_templates_is_named():
    known = {"a": naming("b"), "b": naming("a")}

    said = refusal(flatten, [TemplateName("a")], lambda name: known.get(name.name))

    assert said == "AnalysisTemplate 'a' nests itself: a -> b -> a"


def test_nesting_has_a_limit():
    known = {str(depth): naming(str(depth + 1)) for depth in range(50)}

    just_right = {**known, str(NESTING_MAX): naming()}

    assert len(flatten([TemplateName("0")], lambda name: just_right.get(name.name))) == NESTING_MAX + 1
    assert "nest deeper" in refusal(flatten, [TemplateName("0")], lambda name: known.get(name.name))


def test_a_template_that_does_not_exist_is_named_with_its_scope():
    assert refusal(flatten, [TemplateName("x")], lambda _: None) == "AnalysisTemplate 'x' not found"
    assert refusal(flatten, [TemplateName("x", True)], lambda _: None) == "ClusterAnalysisTemplate 'x' not found"


def test_an_argument_is_put_in_once_and_not_interpreted():
    known = {"q": 'a "quote"\n{{args.q}} }}', "n": "3"}

    found = args.resolve({"query": "x{{args.q}}", "count": "{{ args.n }}", "list": [1, None, True]}, known)

    assert found == {"query": 'xa "quote"\n{{args.q}} }}', "count": "3", "list": [1, None, True]}


@pytest.mark.parametrize("tag", ["args.nope", "templates.x", "args.{{args.y", " x "])
def test_a_tag_that_names_no_argument_is_told_as_written(tag):
    assert refusal(args.resolve, f"{{{{{tag}}}}}", {"y": "1"}) == f"failed to resolve {{{{{tag}}}}}"


@pytest.mark.parametrize("text", [home("datadog", "api-key"), slot(SecretRef("a", "b")), "\x1f", "x\x03{{args.y}}"])
def test_a_text_of_a_metric_that_imitates_a_secret_is_refused(text):
    told = "a text of a metric holds control characters"

    assert refusal(args.resolve, {"url": f"http://x/{text}"}, {"y": "1"}) == told
    assert refusal(args.resolve, [{text: "a key"}], {"y": "1"}) == told


def test_arguments_need_a_value_or_a_secret():
    assert refusal(args.values, [{"name": "x"}]) == 'argument "x" was not supplied'
    assert args.values([{"name": "x", "value": ""}]) == {"x": ""}
    assert "control characters" in refusal(args.values, [{"name": "x", "value": "\x02secret:a/b\x03"}])
    assert args.names_used([{"query": "{{args.a}} {{ args.b }} {{c}}"}]) == {"a", "b"}
