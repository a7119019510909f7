"""augreg beside its peers: the same work through all of them, interleaved, in one run.

`python -m benchmarks` (or `make bench`, which also makes the environment) measures and writes a
table, JSON, a plot and `docs/benchmarks.md`; `python -m benchmarks --help` lists the parts.

To compare two checkouts, run a part in each by turns, several times, from a folder outside both:
`PYTHONPATH=$TREE:$TREE/plugins python -m benchmarks speed --peers floor augreg --out $TREE-out`.
What is imported, commit and child processes follow PYTHONPATH. These benchmarks run on an older
augreg where a folder that holds only a link to `benchmarks` comes before the older tree.
"""

import os

# Before TensorFlow starts: its start-up notices would bury the tables.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Albumentations asks the package index for a newer version at every import otherwise.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
