"""Is it well? One function a kind, from the live object to a health; a table says which.

Lives here: the rules by kind, the user's own rules in Lua, and how the healths of many objects become one.
Never here: whether an object is as git says. Read `table.py` first.
"""
