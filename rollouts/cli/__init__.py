"""The command line and the kubectl plugin: arguments in, views and a few API writes out.

Lives here: a file per command, the table of commands in `main.py`, and the writes that a person may ask for, decided
purely in `writes.py`. Never here: anything that start-up must pay for; a command imports what it needs when it runs.
Read `main.py` first.
"""
