"""Evaluates Jsonnet files in a process of its own: `python -I jsonnet_runner.py JOB`, manifests as JSON on stdout.

It imports nothing of the project: it runs alone in a sandbox, on files that a stranger wrote.
"""

from __future__ import annotations

import json
import os
import sys

STACK_MAX = 500


def main() -> int:
    """Evaluate every script of the job file; the first error ends it all."""
    import _jsonnet

    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    words: dict[str, dict[str, str]] = {"ext_vars": {}, "ext_codes": {}, "tla_vars": {}, "tla_codes": {}}
    for name, value, is_code in job["external"]:
        words["ext_codes" if is_code else "ext_vars"][name] = value
    for name, value, is_code in job["arguments"]:
        words["tla_codes" if is_code else "tla_vars"][name] = value
    found = []
    for script in job["scripts"]:
        try:
            text = _jsonnet.evaluate_file(
                script, jpathdir=[os.path.join(".", each) for each in job["libraries"]], max_stack=STACK_MAX, **words
            )
        except RuntimeError as error:
            sys.stderr.write(f"{script}: {str(error).strip().splitlines()[0]}\n")
            return 1
        value = json.loads(text)
        found += [(script, each) for each in (value if isinstance(value, list) else [value])]
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
