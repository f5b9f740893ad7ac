"""From files to manifests: what a folder is, what a render reads, which command renders it, what may come out.

Pure: a commit's files come in through the protocol of `files.py`, commands and manifests go out.
Never here: processes, scratch directories and caches, which live in `rollouts.shell.asks`. Read `reads.py` first.
"""
