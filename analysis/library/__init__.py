"""Ready analysis templates, a file a source of metrics: success rate, latency, error budget, canary against stable.

    read("nginx-against-stable")        # the manifest, to be applied as it is or with other defaults
    for name, manifest in templates(): ...

Lives here: YAML that is applied as it stands. Never here: names of anybody's services. Every template is parsed, linted
and run in tests/analysis/test_library.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import AnalysisError

_HERE = Path(__file__).parent


def templates() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, manifest) of every template, by file and place."""
    for path in sorted(_HERE.glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield str(manifest["metadata"]["name"]), manifest


def read(name: str) -> dict[str, Any]:
    """The template of that name. Raises AnalysisError with the names that there are."""
    found = dict(templates())
    if name not in found:
        raise AnalysisError(f"no template is called {name!r}; there are {', '.join(found)}")
    return found[name]
