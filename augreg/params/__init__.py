"""What a parameter accepts (its specification) and what a policy gave it (its distribution).

An op's author writes specifications: `Range`, `Integer`, `Option`, `Fill`, `Unit`. They parse a
policy's value into a distribution where it is drawn, and into a plain Python value where static.
"""

from augreg.params.numbers import check_weights as check_weights
from augreg.params.specs import MAX_SIDE as MAX_SIDE
from augreg.params.specs import REQUIRED as REQUIRED
from augreg.params.specs import Fill as Fill
from augreg.params.specs import Hidden as Hidden
from augreg.params.specs import Integer as Integer
from augreg.params.specs import Key as Key
from augreg.params.specs import Option as Option
from augreg.params.specs import Parameter as Parameter
from augreg.params.specs import Range as Range
from augreg.params.specs import Settable as Settable
from augreg.params.specs import Unit as Unit
