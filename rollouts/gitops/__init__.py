"""The sync core: from a commit to a synced, healthy, healed cluster.

Here: what a source means, what a render says, what differs, what is done about it and in which order.
Never here: git, subprocesses and the cluster itself; questions to them are the values of `asks.py`, answered by the
shell. Read `application.py` first, then `asks.py`.
"""
