"""What a Kubernetes object is, purely: kinds, references, owners, selectors, conditions.

Lives here: questions that any controller would ask of a manifest. Never here: what a canary is, and any I/O.
Read `ref.py` first.
"""
