"""Quantities against spellings that Kubernetes' own parser gave."""

from __future__ import annotations

import pytest

from rollouts.kube.quantity import canonical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.1Gi", "107374182400m"),
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("1e2", "100"),
        ("1000e3", "1e6"),
        ("12e-1", "1200e-3"),
        ("5E", "5E"),
        ("100Ei", "9223372036854775807"),
        ("0.1n", "1n"),
        ("-1500m", "-1500m"),
        ("0Mi", "0"),
        ("-0", "0"),
        ("+3", "+3"),
        ("0.5Ki", "512"),
        ("0.001Ki", "1024m"),
        ("2048", "2048"),
        ("1.23456789012", "1234567891n"),
        ("1K", None),
        ("", None),
        ("2E3Ki", None),
        ("1e9999", None),
        ("9" * 65, None),
    ],
)
def test_a_quantity_has_one_spelling(text, expected):
    assert canonical(text) == expected
