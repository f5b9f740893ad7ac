"""Columns under headings, padded by what the eye sees rather than by bytes."""

from __future__ import annotations

from collections.abc import Sequence

from rollouts.view.style import width

GUTTER = 2


def lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Headings and rows as lines; no line ends in spaces."""
    table = [list(headings), *(list(row) for row in rows)]
    assert all(len(row) == len(headings) for row in table), "every row has one cell per heading"
    widths = [max(width(row[column]) for row in table) + GUTTER for column in range(len(headings))]
    return [
        "".join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
