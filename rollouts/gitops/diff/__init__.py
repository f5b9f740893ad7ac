"""Does the cluster say what git says? Only what git names is compared, and what we once wrote and git dropped.

Lives here: one form for both sides, ignore rules, the comparison, and the picture that people see.
Never here: what is done about a difference. Read `compare.py` first.
"""
