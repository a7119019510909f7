"""augreg beside its peers: the same work through all of them, interleaved, in one run.

`python -m benchmarks` (or `make bench`, which also makes the environment) measures and writes a
table, JSON, a plot and `docs/benchmarks.md`; `python -m benchmarks --help` lists the parts.
"""
