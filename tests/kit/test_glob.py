from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit.glob import matches, matches_in_parts


@pytest.mark.parametrize(
    ("pattern", "text", "covered"),
    [
        ("*", "anything/at all", True),
        ("https://git.test/*", "https://git.test/a/b", True),
        ("https://git.test/*", "https://git.test.evil/a", False),
        ("shop-?", "shop-1", True),
        ("shop-?", "shop-12", False),
        ("{a,b}/*.yaml", "b/x.yaml", True),
        ("{a,b}/*.yaml", "c/x.yaml", False),
        ("{a{1,2},b}", "a2", True),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a]x", "bx", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("", "", True),
        ("", "a", False),
        ("**/x", "a/b/x", True),
        ("[", "[", True),
        ("{a", "{a", True),
    ],
)
def test_a_pattern_covers_the_whole_text_or_nothing(pattern, text, covered):
    assert matches(pattern, text) is covered


@pytest.mark.parametrize(
    ("pattern", "text", "covered"),
    [
        ("*", "anything/at all", True),
        ("https://git.test/*", "https://git.test/a", True),
        ("https://git.test/*", "https://git.test/a/b", False),
        ("https://git.test/**", "https://git.test/a/b", True),
        ("https://git.test/*/b*", "https://git.test/a/b1", True),
        ("**/b/*", "a/b/x/b/c", True),
        ("a?b", "a/b", False),
        ("a[!x]b", "a/b", False),
        ("{a,b/*}", "b/x", True),
        ("a/", "a/", True),
        ("*/**", "a/", True),
    ],
)
def test_in_parts_only_two_stars_cross_a_slash(pattern, text, covered):
    assert matches_in_parts(pattern, text) is covered


@given(st.text("a/*?", max_size=12), st.text("a/", max_size=12))
def test_in_parts_the_signs_mean_what_a_regex_of_them_means(pattern, text):
    words = re.split(r"(\*+|\?)", pattern)
    regex = "".join(
        "[^/]" if word == "?" else "[^/]*" if word == "*" else ".*" if word.startswith("*") else word for word in words
    )

    assert matches_in_parts(pattern, text) == (pattern == "*" or bool(re.fullmatch(regex, text)))


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_stars_and_question_marks_mean_what_a_regex_of_them_means(pattern, text):
    regex = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)

    assert matches(pattern, text) == bool(re.fullmatch(regex, text))


def test_no_pattern_is_slow():
    began_s = time.process_time()
    matches("*a" * 500 + "b", "a" * 4000)
    matches("{" + ",".join("ab" * 200) + "}" * 3, "x")
    matches("{a,b}" * 200, "x")
    matches_in_parts("*/**a" * 100 + "b", "a/" * 500)

    assert time.process_time() - began_s < 2.0
