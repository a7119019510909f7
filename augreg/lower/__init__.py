"""Evaluates the items of a stage on tiny arrays: draws, guards, and the composed transform.

Written once over `xp`; both backends run it. No pixel is touched here.
"""

from augreg.lower.choices import Answers as Answers
from augreg.lower.choices import Choices as Choices
from augreg.lower.choices import Draws as Draws
from augreg.lower.lowering import Lowering as Lowering
