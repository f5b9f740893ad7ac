"""Whoever installs gets what was tested: every package by version and hash, as pyproject.toml asks for it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.requirements import HERE, NAMES, pinned

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = {"controller": "aws", "demo": "demo", "gitops": "gitops", "test": "test"}


def asked(name: str) -> list[Requirement]:
    """What a list is made from."""
    if name == "build":
        return [Requirement(each) for each in PROJECT["build-system"]["requires"]]
    extra = PROJECT["project"]["optional-dependencies"][EXTRAS[name]]
    return [Requirement(each) for each in (*PROJECT["project"]["dependencies"], *extra)]


def test_every_list_is_one_that_is_held_to_account() -> None:
    assert {path.stem for path in HERE.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_for_is_pinned_within_its_bounds(name: str) -> None:
    versions = pinned(name)
    unmet = [
        str(each)
        for each in asked(name)
        if not versions.get(canonicalize_name(each.name))
        or not all(each.specifier.contains(version) for version in versions[canonicalize_name(each.name)])
    ]

    assert unmet == [], "make lock"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_listed_without_a_hash_or_from_anywhere_else(name: str) -> None:
    lines = [line for line in (HERE / f"{name}.txt").read_text().splitlines() if not line.lstrip().startswith("#")]
    strays = [line for line in lines if not re.match(r"    --hash=|[a-z0-9-]+==\S+( ; .+)? \\$", line)]

    assert strays == []
    assert len({line.split("==")[0] for line in lines if "==" in line and line[0] != " "}) == len(pinned(name))


def test_all_lists_agree_with_what_is_tested() -> None:
    tested = pinned("test")
    others = {name: pinned(name) for name in NAMES}
    differing = [
        (name, package)
        for name, packages in others.items()
        for package, versions in packages.items()
        if package in tested and versions != tested[package]
    ]

    assert differing == []


@pytest.mark.parametrize("recipe", ["Containerfile", "Makefile"])
def test_no_recipe_leaves_the_lists_aside(recipe: str) -> None:
    runs = re.findall(r"(?:RUN pip install|bin/pip install|\$\(PIP\)) [^\n&;]+", (ROOT / recipe).read_text())

    assert len(runs) > 2
    assert [run for run in runs if not re.search("--require-hashes|--no-deps|\\) uv$", run)] == []
