"""From a policy to a plan: stages in document order, with sizes, channels and boundaries.

A stage is what one kernel does. Which geometric steps share a resample is decided here and not in
`passes`, because it is the meaning of a policy and no optimisation (DESIGN, section 3).

A group whose branches all belong to one closed family (geometry, colour maps) is one item of a
stage: choosing happens on its matrices. A group of mixed families is taken apart into guarded
items: a sample that a guard does not select gets the identity.
"""

from augreg.plan.planner import SECTIONS as SECTIONS
from augreg.plan.planner import Decode as Decode
from augreg.plan.planner import Plan as Plan
from augreg.plan.planner import check_sections as check_sections
from augreg.plan.planner import plan as plan
