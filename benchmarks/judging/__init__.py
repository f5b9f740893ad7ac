"""The scoreboard of canary judges: seeded services, scraped into counters, judged look by look, side by side.

`python -m benchmarks.judging --replicates 200` prints it; `make judge` is the smoke of it. Read `worlds.py` (the
scenarios), `judges.py` (ours through the controller's code, and the others), then `__main__.py`.
"""
