"""A real Kubernetes control plane for tests and benchmarks, without containers.

`build.py` makes the binaries, `plane.py` runs them on 127.0.0.1, `player.py` plays the kubelet, `netns.py` gives all of
it a network of its own. Nothing here knows what a canary is. Read `plane.py` first.
"""
