from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit import mergepatch

SCALARS = st.one_of(st.booleans(), st.integers(), st.text(max_size=5))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


def exact(value):
    """A form in which True differs from 1, as it does in JSON."""
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    return [exact(inner) for inner in value] if isinstance(value, list) else (type(value), value)


@given(OBJECTS, OBJECTS)
def test_a_derived_patch_leads_from_one_object_to_the_other(before, after):
    assert exact(after) == exact(mergepatch.apply(before, mergepatch.derive(before, after)))


@given(OBJECTS)
def test_equal_objects_need_no_patch(value):
    assert mergepatch.derive(value, value) == {}


def test_none_removes_and_absence_keeps():
    assert mergepatch.apply({"a": 1, "b": {"c": 2, "d": 3}}, {"a": None, "b": {"c": 4}}) == {"b": {"c": 4, "d": 3}}


def test_a_key_already_absent_is_not_patched_away():
    assert mergepatch.derive({"a": 1}, {"a": 1, "b": None}) == {}
