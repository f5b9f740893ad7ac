"""The checkout as data: modules, their imports and definitions, read as text (nothing is imported)."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("analysis", "rollouts")


@dataclass(frozen=True)
class Module:
    """One source file. name: dotted; room: the package that the layer rules speak of, e.g. `rollouts.delivery`."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        parts = self.name.split(".")
        return parts[0] if parts[0] == "analysis" or len(parts) == 1 else ".".join(parts[:2])

    @property
    def where(self) -> str:
        return str(self.path.relative_to(ROOT))

    def imports(self, *, at_top_only: bool = False) -> tuple[tuple[str, int], ...]:
        """(dotted name, line) of every import; `from a import b` counts as `a.b` and `a`."""
        nodes = self.tree.body if at_top_only else list(ast.walk(self.tree))
        found: list[tuple[str, int]] = []
        for node in nodes:
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.level == 0, f"{self.where}:{node.lineno}: imports are absolute here"
                found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
        return tuple(found)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the two import packages, ordered by name."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            text = path.read_text(encoding="utf-8")
            found.append(Module(path, dotted.removesuffix(".__init__"), text, ast.parse(text)))
    assert len(found) > 20, "the checkout is not where the tests think it is"
    return tuple(found)
