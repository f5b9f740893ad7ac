"""What STYLE.md asks that a machine can hold."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from tests.tidy.source import ROOT, Module, modules

LINES_MAX = 400
FUNCTION_LINES_MAX = 50
PARAMETERS_MAX = 6
PATTERN_NAMES = {"utils", "helpers", "manager", "common_utils", "misc"}
FRAGMENT = re.compile(r"[a-z0-9-]+\.(feature|fix|change|removal|doc)\.md")


def functions(module: Module):
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_public(name: str) -> bool:
    return not name.startswith("_")


def test_modules_are_short():
    assert [m.where for m in modules() if len(m.text.splitlines()) > LINES_MAX] == []


def test_functions_are_short():
    long = [
        f"{module.where}:{node.lineno} {node.name}: {length} lines"
        for module in modules()
        for node in functions(module)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert long == []


def test_functions_take_few_parameters():
    def count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        return len([name for name in names if name not in ("self", "cls")])

    def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return any("option" in ast.unparse(d) or "command" in ast.unparse(d) for d in node.decorator_list)

    wide = [
        f"{module.where}:{node.lineno} {node.name}: {count(node)} parameters"
        for module in modules()
        for node in functions(module)
        if count(node) > PARAMETERS_MAX and not is_command(node)
    ]

    assert wide == []


def test_every_package_has_a_plate_on_its_door():
    doors = [module for module in modules() if module.path.name == "__init__.py"]

    assert [module.where for module in doors if not ast.get_docstring(module.tree)] == []


def test_every_public_name_is_explained():
    bare = [
        f"{module.where}:{node.lineno} {node.name}"
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and is_public(node.name)
        and not ast.get_docstring(node)
    ]

    assert bare == []


def test_no_module_is_named_after_a_pattern():
    assert [module.where for module in modules() if module.path.stem in PATTERN_NAMES] == []


def test_waivers_name_their_rule_and_reason():
    bare = [
        f"{module.where}:{number}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.search(r"#\s*(noqa|type:\s*ignore)(?!\S*[:\[])", line)
    ]

    assert bare == []


def test_nothing_is_left_unfinished():
    word = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    left = [f"{m.where}:{n}" for m in modules() for n, line in enumerate(m.text.splitlines(), 1) if word.search(line)]

    assert left == []


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    reasons = (ROOT / "docs/decisions/0001-dependencies.md").read_text()
    names = {re.split(r"[<>=\[ ]", line)[0] for line in wanted}

    assert sorted(name for name in names if name not in reasons) == []


def test_change_fragments_are_named_and_filled():
    fragments = [path for path in (ROOT / "changes").iterdir() if path.name != "README.md"]

    assert fragments
    assert [path.name for path in fragments if not FRAGMENT.fullmatch(path.name) or not path.read_text().strip()] == []


@pytest.mark.parametrize("suffix", ["*.py", "*.md", "*.yaml", "*.toml", "*.sh"])
def test_the_project_speaks_of_itself_alone(suffix):
    foreign = re.compile(r"\.\./shared|/work/main|/tmp/venv|/tmp/b/")
    roots = ["rollouts", "analysis", "tests", "docs", "deploy", "examples", "benchmarks", "crds", "."]
    paths = {
        path
        for root in roots
        for path in ((ROOT / root).glob(suffix) if root == "." else (ROOT / root).rglob(suffix))
        if path.name != "test_tidy.py"
    }

    assert sorted(str(p.relative_to(ROOT)) for p in paths if foreign.search(p.read_text(encoding="utf-8"))) == []
