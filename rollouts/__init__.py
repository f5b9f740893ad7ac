"""Progressive delivery for Kubernetes.

Rooms, from the inside out: `kit` (words without a domain), `kube` (what an object is), `api` (our kinds, parsed),
`core` (the grammar every room speaks), `traffic` and `delivery` and `runs` (judgement, pure), `shell` (everything
that waits, writes or reads a clock), `view` and `cli` (faces), `devplane` and `simulation` (worlds to try it in).
Read `core/plan.py` first, then `delivery/reconcile.py`.
"""

__version__ = "0.1.0"
