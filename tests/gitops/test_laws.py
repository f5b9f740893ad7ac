"""Laws of the comparison, for whatever people may write."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollouts.gitops.diff import jqpath
from rollouts.gitops.diff.compare import changes
from rollouts.gitops.diff.ignore import restored, without
from rollouts.gitops.diff.merge import three_way
from rollouts.gitops.options import Options
from rollouts.gitops.wanted import Place, read
from rollouts.kit import mergepatch
from rollouts.kube import builtin

NAMES = st.sampled_from(["name", "image", "env", "ports", "containers", "replicas", "data", "a", "b/c", "limits"])
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "1", "1000m", "0.5"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
SPECS = st.dictionaries(NAMES, VALUES, max_size=5)
KINDS = st.sampled_from([("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("example.com/v1", "Car")])
PLACES = st.lists(st.lists(NAMES | st.integers(0, 2), min_size=1, max_size=4).map(tuple), max_size=4)


def manifest(kind: tuple[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "x"}, "spec": spec}


@given(KINDS, SPECS)
def test_an_object_does_not_differ_from_itself(kind: tuple[str, str], spec: dict[str, Any]) -> None:
    assert changes(manifest(kind, spec), manifest(kind, spec)) == ()


@given(KINDS, SPECS, SPECS)
def test_what_was_merged_in_differs_no_more(kind: tuple[str, str], spec: dict[str, Any], live: dict[str, Any]) -> None:
    wanted, before = manifest(kind, spec), manifest(kind, live)
    after = mergepatch.apply(before, mergepatch.derive(before, three_way({}, wanted, before)))

    again = three_way({}, wanted, after)

    assert mergepatch.apply(after, mergepatch.derive(after, again)) == after


@given(KINDS, SPECS, SPECS)
def test_what_others_add_beside_is_no_difference(
    kind: tuple[str, str], spec: dict[str, Any], more: dict[str, Any]
) -> None:
    theirs = {f"their-{name}": value for name, value in more.items()}

    assert changes(manifest(kind, spec), manifest(kind, {**spec, **theirs})) == ()


@given(SPECS, SPECS, PLACES)
def test_taking_places_out_and_putting_them_back_never_breaks(
    wanted: dict[str, Any], live: dict[str, Any], places: list[tuple[str | int, ...]]
) -> None:
    found = restored(without(wanted, places), live, places)

    assert isinstance(found, dict)


@given(st.text(max_size=40))
def test_no_text_makes_the_reader_of_paths_fail_otherwise(text: str) -> None:
    try:
        paths = jqpath.compile_path(text)
    except jqpath.JqPathError:
        return

    jqpath.places(paths, {"a": [1, {"b": None}]})


@given(st.lists(VALUES | st.builds(manifest, KINDS, SPECS), max_size=4))
def test_no_render_makes_the_reader_of_manifests_fail(manifests: list[Any]) -> None:
    place = Place("shop", "shop", Options(), builtin.find)

    desired = read(manifests, place)

    assert len(desired.objects) + len(desired.errors) + len(desired.warnings) >= min(len(manifests), 1)
