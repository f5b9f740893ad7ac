"""Evaluates Jsonnet files in a process of its own: `python -I jsonnet_runner.py JOB`, manifests as JSON on stdout.

It imports nothing of the project: it runs alone in a sandbox, on files that a stranger wrote. What these may import is
below the directory that it is started in: this machine's own files would come out as manifests.
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

    def imported(folder: str, name: str) -> tuple[str, bytes]:
        for base in (folder, *job["libraries"]):
            path = os.path.normpath(os.path.join(base, name))
            if not path.startswith(("/", "..")) and os.path.isfile(path):
                with open(path, "rb") as file:
                    return path, file.read()
        raise RuntimeError(f"{name} is not in the repository")

    found = []
    for script in job["scripts"]:
        try:
            text = _jsonnet.evaluate_file(script, import_callback=imported, max_stack=STACK_MAX, **words)
        except RuntimeError as error:
            sys.stderr.write(f"{script}: {str(error).strip().splitlines()[0]}\n")
            return 1
        value = json.loads(text)
        found += [(script, each) for each in (value if isinstance(value, list) else [value])]
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
