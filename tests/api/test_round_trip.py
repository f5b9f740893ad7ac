"""Whatever a model can say survives a trip through its manifest, and the schema has a place for it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollouts.api.common import INT32_MAX, Model
from rollouts.api.crds import DEFINITIONS
from rollouts.api.parse import PARSERS, parse_rollout
from rollouts.api.schema import schema_of

TEXTS = st.text(max_size=8)
JSON = st.recursive(
    st.booleans() | st.integers(-5, 5) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
INT32 = st.integers(-INT32_MAX - 1, INT32_MAX)


def values(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """JSON that a schema has a place for, by type alone; deep parts are left out more often."""
    if schema.get("x-kubernetes-int-or-string"):
        return INT32 | TEXTS
    match schema.get("type"):
        case "string":
            return TEXTS
        case "boolean":
            return st.booleans()
        case "integer":
            return INT32
        case "array":
            return st.lists(values(schema["items"], depth + 1), max_size=2 if depth < 6 else 1)
        case "object" if "properties" in schema:
            required = schema.get("required", ())
            fields = schema["properties"].items()
            wanted = {name: values(node, depth + 1) for name, node in fields if name in required}
            others = {name: values(node, depth + 1) for name, node in fields if name not in required}
            return some_of(wanted, others)
        case "object" if "additionalProperties" in schema:
            return st.dictionaries(TEXTS, values(schema["additionalProperties"], depth + 1), max_size=2)
        case "object":
            return st.dictionaries(TEXTS, JSON, max_size=2)
    return JSON


@st.composite
def some_of(draw: st.DrawFn, wanted: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """An object with all wanted fields and at most three of the others."""
    chosen = draw(st.lists(st.sampled_from(sorted(others)), max_size=3, unique=True)) if others else []
    return {name: draw(strategy) for name, strategy in {**wanted, **{name: others[name] for name in chosen}}.items()}


@st.composite
def specs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A kind and a spec of that kind."""
    of = draw(st.sampled_from(DEFINITIONS))
    return of.kind.name, draw(values(schema_of(of.spec)))


def outside(model: Model) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(specs())
def test_strict_parsing_reads_all_that_the_schema_allows_and_loses_nothing(case: tuple[str, dict[str, Any]]) -> None:
    kind, spec = case
    parsed = PARSERS[kind]({"metadata": {"name": "x"}, "spec": spec}, strict=True)

    assert parsed.refusals == ()
    assert outside(parsed.spec) == spec


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(TEXTS | st.sampled_from(["strategy", "replicas", "selector", "template"]), JSON, max_size=4))
def test_no_manifest_makes_the_parser_fail(spec: dict[str, Any]) -> None:
    lax = parse_rollout({"metadata": {"name": "x"}, "spec": spec})
    strict = parse_rollout({"metadata": {"name": "x"}, "spec": spec}, strict=True)

    assert (lax.spec is None) == bool(lax.refusals)
    assert len(strict.refusals) >= len(lax.refusals)
    assert strict.refusals or not lax.unknown
