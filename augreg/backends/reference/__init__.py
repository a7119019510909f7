"""The NumPy reference: the oracle that every other way of running a policy is tested against.

It follows the plan as it stands before any optimisation, one stage after another, in float32, and
prefers plain code to fast code. `augment` is its public face.
"""

from augreg.backends.reference.run import augment as augment
