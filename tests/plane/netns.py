"""A network namespace, where pods have addresses of their own that an API server accepts in EndpointSlices.

    python -m tests.plane.netns COMMAND …       runs the command inside a fresh one and returns its exit status

Addresses of 10.244.0.0/16 are all local there. There is no way out, so nothing inside can reach or be reached by
anything else. Works as root, or unprivileged where user namespaces are allowed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

ADDRESS = "10.244.0.1"
INSIDE = "ROLLOUTS_INSIDE_NETNS"
_SET_UP = (
    'ip link set lo up && ip address add 10.244.0.1/32 dev lo && ip route add local 10.244.0.0/16 dev lo && exec "$@"'
)


def is_inside() -> bool:
    """Whether this process runs in such a namespace."""
    return os.environ.get(INSIDE) == "1"


def wrapped(command: list[str]) -> list[str]:
    """The command line that runs `command` inside a fresh namespace."""
    flags = "-n" if os.geteuid() == 0 else "-rn"
    return ["unshare", flags, "env", f"{INSIDE}=1", "sh", "-c", _SET_UP, "sh", *command]


@cache
def why_not() -> str:
    """Why this machine cannot have one; empty if it can."""
    for tool in ("unshare", "ip"):
        if not shutil.which(tool):
            return f"no command `{tool}`"
    done = subprocess.run(wrapped(["true"]), capture_output=True, text=True, timeout=30, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or f"unshare ended with {done.returncode}"


if __name__ == "__main__":
    sys.exit(subprocess.run(wrapped(sys.argv[1:]), check=False).returncode)
