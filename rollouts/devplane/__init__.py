"""The embedded cluster: an API server, its controllers, real pods and metrics, for demos, fast tests and simulations.

Lives here: `store.py` and `builtin/` (pure: versions, watches, patches, what controllers of the cluster do), `rest.py`
(the wire), `kubelet.py` (pods as real servers), `stage.py` and `demo.py` (everything together, and the stories).
Never here: what a canary is, beyond what the demo must tell its audience; it is no more than its users need, and is
never trusted alone (tests/conformance). Read `server.py` first.
"""
