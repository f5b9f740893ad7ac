"""The grammar every room speaks: Plan, Action, Ask, Note, Reader, Rule, and three kinds of error.

A room is `gather(ref, reader) -> Seen | None` and `reconcile(seen, now) -> Plan`. The shell alone carries plans out.
Never here: a room's own words (canary, wave, freight) and any I/O. Read `plan.py` first.
"""
