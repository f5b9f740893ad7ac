"""Where desired state comes from: addresses, credentials, revisions. Pure: listings in, choices out.

Never here: git, HTTP and subprocesses, which carry out the questions in `rollouts.shell.asks`. Read `revision.py`.
"""
