"""The tables of answers and their tests: every test that a page names is there."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
REFERENCE = TESTS.parent / "docs" / "reference"
PAGES = (REFERENCE / "bad-input.md", REFERENCE / "security-tests.md")
NAMED = re.compile(r"`(\w+/\w+\.py)::(\w+)`")


@lru_cache
def names_of(path: str) -> frozenset[str]:
    """The tests of a file; none for a file that is not there."""
    file = TESTS / path
    body = ast.parse(file.read_text()).body if file.exists() else []
    functions = (each.name for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name for name in functions if name.startswith("test_"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = NAMED.findall(page.read_text())

    assert len(named) > 50
    assert sorted({f"{path}::{name}" for path, name in named if name not in names_of(path)}) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_row_says_an_answer_and_names_a_test(page: Path) -> None:
    lines = [line for line in page.read_text().splitlines() if line.startswith("|") and not line.startswith("|---")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    odd = [row[0] for row in rows if row[1:] != ["answer", "tests"] and (len(row) != 3 or not NAMED.search(row[2]))]

    assert len(rows) > 20
    assert odd == []
