"""One thread, one virtual clock, one seed: the real machine and its rooms against a cluster that fails on purpose.

Lives here: the world, its scripts, its faults, and the auditor that judges every committed write.
Never here: anything that production imports. Read `workload.py` for the stories, then `world.py`.

    python -m rollouts.simulation --seed 7          one seed, told as a story
    python -m rollouts.simulation --seeds 0:2000    many, on all cores
    python -m rollouts.simulation --matrix          a crash at every API call of every scenario
    python -m rollouts.simulation --matrix events   every watch event late, and twice (also: answers, lists)
"""
