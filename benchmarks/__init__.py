"""What an update costs, measured on a real control plane beside the floor under it (`null_writer.py`).

`python -m benchmarks.fleet --rollouts 100 --controllers null,ours` prints a row a controller; `at_rest.py` counts the
writes of a fleet at rest. Results with their commands are kept in BENCHMARKS.md. Read `fleet.py` first.
"""
