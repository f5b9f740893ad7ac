"""Objects to rows, trees and sentences; pure, shared by all faces.

Lives here: what a reader's eye needs (phase, ages, icons, columns, colour roles). Never here: a terminal, a clock, a
socket, and how a canary is decided. Read `page.py` first: it shows one Rollout as `get rollout` prints it.
"""
