"""One sync, from the first object to the last hook, so that a crash between any two writes changes nothing of its end.

Lives here: tasks and their order, hooks, what one pass does next, when a failed sync is tried again.
Never here: what is compared with what, and whether a sync should begin. Read `step.py` first.
"""
