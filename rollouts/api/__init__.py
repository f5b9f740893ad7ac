"""Our kinds, parsed: the only home of pydantic.

Lives here: one model per kind with every field of the contract, and the schemas made from them.
Never here: what a field's value is good for; that is the business of the rooms' rules. Read `rollout.py` first,
then `parse.py`.
"""
