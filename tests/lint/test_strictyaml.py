"""YAML as Kubernetes reads it; the golden file holds what Kubernetes' own converter made of each text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit.strictyaml import ALIASED_NODES_MAX, BYTES_MAX, DEPTH_MAX, DOCUMENTS_MAX, YamlError, read

GOLDEN = [json.loads(line) for line in (Path(__file__).parent / "kubernetes_yaml.jsonl").read_text().splitlines()]
REFUSED_ON_PURPOSE = {
    "a: !foo x\n",
    "a: !!python/object x\n",
    "a: !!set {b}\n",
    "a: 1\na: 2\n",
    "a: &x {b: 1}\nd:\n  b: 3\n  <<: *x\n",
    "- a\n- b\n",
    "x\n",
}


def whole(text: str) -> int | float:
    """A JSON number as Kubernetes reads it: 64 bits, or a float."""
    return int(text) if -(2**63) <= int(text) < 2**64 else float(text)


def refusal(content: bytes | str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        read(content, "web.yaml")
    return caught.value


def the(content: bytes | str) -> Any:
    (document,) = read(content, "web.yaml")
    return document.value


@pytest.mark.parametrize("row", [row for row in GOLDEN if "json" in row], ids=lambda row: repr(row["yaml"]))
def test_a_text_means_what_it_means_to_kubernetes(row: dict[str, str]) -> None:
    if row["yaml"] in REFUSED_ON_PURPOSE:
        refusal(row["yaml"])
        return
    expected = json.loads(row["json"], parse_int=whole)

    assert repr(sorted(the(row["yaml"]).items())) == repr(sorted(expected.items()))


@pytest.mark.parametrize("row", [row for row in GOLDEN if "error" in row], ids=lambda row: repr(row["yaml"]))
def test_what_kubernetes_cannot_read_is_refused(row: dict[str, str]) -> None:
    assert refusal(row["yaml"]).source == "web.yaml"


@pytest.mark.parametrize(
    ("case", "content", "at", "says"),
    [
        ("a duplicate key", "a: 1\nb: 2\na: 3\n", (3, 1), 'key "a" is given twice, first in line 1'),
        ("a duplicate in a flow", "a: {b: 1, b: 2}\n", (1, 11), 'key "b" is given twice, first in line 1'),
        ("a number and its text", "1: a\n'1': b\n", (2, 1), 'key "1" is given twice, first in line 1'),
        ("a cyclic alias", "a: &x\n  - *x\n", (2, 5), "anchor 'x' contains itself"),
        ("a list at the top", "- a\n", (1, 1), "a document must be one object, with apiVersion and kind"),
        ("tabs", "a:\n\tb: c\n", (2, 1), "found character that cannot start any token"),
        ("not UTF-8", b"a: b\nc: \xff\n", (2, 4), "not UTF-8"),
        ("UTF-16", "a: b\n".encode("utf-16"), (1, 1), "not UTF-8"),
        ("an object of Python", "a: !!python/object:os.system x\n", (1, 4),
         "tag tag:yaml.org,2002:python/object:os.system is not allowed"),
        ("a mapping as an object of Python", "a: !!python/object:x.Y {}\n", (1, 4),
         "tag tag:yaml.org,2002:python/object:x.Y is not allowed"),
        ("an unknown anchor", "a: *x\n", (1, 4), "unknown anchor 'x'"),
        ("a merge that replaces", "a: &x {b: 1}\nc:\n  b: 2\n  <<: *x\n", (4, 7),
         '<< would replace the key "b": write << first'),
        ("a merge of no object", "a:\n  <<: 1\n", (2, 7), "<< must name an object, or a list of objects"),
        ("a list for a key", "? [a]\n: b\n", (1, 3), "a key must be a plain text"),
        ("an item that is no object", "kind: List\nitems: [1]\n", (2, 9), "an item of a List must be an object"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted_is_refused_with_its_place(
    case: str, content: bytes | str, at: tuple[int, int], says: str
) -> None:
    error = refusal(content)

    assert (error.line, error.column, error.text) == (*at, says)
    assert str(error) == f"web.yaml:{at[0]}:{at[1]}: {says}"


def test_a_bomb_of_aliases_is_refused_before_it_is_used() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    content = "\n".join(["l0: &l0 [x, x, x, x, x, x, x, x, x]", *levels])

    assert f"more than {ALIASED_NODES_MAX} values" in refusal(content).text


def test_as_many_aliases_as_a_manifest_may_need_are_read() -> None:
    content = "a: &x {b: [1, 2, 3]}\n" + "".join(f"k{n}: *x\n" for n in range(1000))

    assert the(content)["k999"] == {"b": [1, 2, 3]}


@pytest.mark.parametrize("content", ["a: " + "[" * 900 + "]" * 900, "{a: " * 900 + "1" + "}" * 900])
def test_deep_nesting_is_refused(content: str) -> None:
    assert refusal(content).text == f"nested deeper than {DEPTH_MAX} levels"


def test_a_huge_file_is_refused_unread() -> None:
    assert refusal(b"a" * (BYTES_MAX + 1)).text == "larger than 16 MiB"


def test_too_many_documents_are_refused() -> None:
    assert len(read("---\na: 1\n" * DOCUMENTS_MAX, "f")) == DOCUMENTS_MAX
    assert refusal("---\na: 1\n" * (DOCUMENTS_MAX + 1)).text == f"more than {DOCUMENTS_MAX} documents in one file"
    assert "documents" in refusal("---\n" * 100_000).text


@pytest.mark.parametrize(
    ("case", "content"),
    [
        ("BOM", b"\xef\xbb\xbfa: b\n"),
        ("CRLF", b"a: b\r\n"),
        ("a lone separator around", "---\n---\na: b\n---\n"),
        ("comments alone in between", "# one\n---\na: b\n---\n# two\n"),
        ("an end marker", "a: b\n...\n"),
    ],
)
def test_what_editors_leave_behind_is_read(case: str, content: bytes | str) -> None:
    assert the(content) == {"a": "b"}


@pytest.mark.parametrize("content", ["", "---\n", "# nothing\n", "---\n---\n", "~\n"])
def test_an_empty_file_holds_no_document(content: str) -> None:
    assert read(content, "f") == ()


def test_lists_are_taken_apart_to_any_depth_with_their_places() -> None:
    content = "kind: List\nitems:\n- kind: A\n- kind: List\n  items:\n  - kind: B\n    x: 1\n- kind: C\n"

    documents = read(content, "f")

    assert [each.value["kind"] for each in documents] == ["A", "B", "C"]
    assert documents[1].position("x") == (7, 5)


def test_every_field_has_a_place() -> None:
    content = (
        "kind: Rollout\n"
        "spec:\n"
        "  steps:\n"
        "  - setWeight: 20\n"
        "  - pause: {duration: 1h}\n"
        "  labels:\n"
        "    app.kubernetes.io/name: web\n"
    )

    (document,) = read(content, "f")

    assert document.position() == (1, 1)
    assert document.position("spec.steps[0].setWeight") == (4, 5)
    assert document.position("spec.steps[1].pause.duration") == (5, 13)
    assert document.position("spec.labels[app.kubernetes.io/name]") == (7, 5)


def test_a_field_that_is_missing_is_placed_at_what_should_hold_it() -> None:
    (document,) = read("kind: Rollout\nspec:\n  a: 1\n", "f")

    assert document.position("spec.strategy.canary.steps[3]") == (2, 1)
    assert document.position("metadata.name") == (1, 1)


def test_a_field_inside_an_alias_is_placed_where_it_is_written() -> None:
    (document,) = read("a: &x\n  b: 1\nc: *x\n", "f")

    assert document.position("c") == (3, 1)
    assert document.position("c.b") == (2, 3)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_no_content_makes_the_reader_fail_otherwise(content: str | bytes) -> None:
    try:
        documents = read(content, "f")
    except YamlError as error:
        assert error.line >= 1
    else:
        assert all(isinstance(document.value, dict) for document in documents)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_is_read_as_it_is(value: Any) -> None:
    printable = json.dumps({"a": value}, ensure_ascii=True)
    if "\\ud" in printable or "\\u007f" in printable:
        return  # YAML has no surrogate pairs

    assert the(printable) == {"a": value}
