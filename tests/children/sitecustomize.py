"""Python imports this at its start: in each process that a test starts, TensorFlow comes sooner.

Its import makes half a million objects that stay. The garbage collector would go over them several
times, and at the end once more, which is a third of the time that such a process takes.
"""

import atexit
import gc

gc.set_threshold(100_000)
atexit.register(gc.freeze)
