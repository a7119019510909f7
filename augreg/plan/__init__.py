"""From a policy to a plan: stages in document order, with sizes, channels and boundaries.

A stage is what one kernel does. Which geometric steps share a resample is decided here and not in
`passes`, because it is the meaning of a policy and no optimisation (DESIGN, section 3).

A group whose branches all belong to one closed family (geometry, colour maps) is one item of a
stage: choosing happens on its matrices. A group of mixed families is taken apart into guarded
items: a sample that a guard does not select gets the identity.
"""

from augreg.plan.geometry import Traits as Traits
from augreg.plan.geometry import chain as chain
from augreg.plan.geometry import element_of as element_of
from augreg.plan.planner import Plan as Plan
from augreg.plan.planner import check_sections as check_sections
from augreg.plan.planner import plan as plan
from augreg.plan.stages import SECTIONS as SECTIONS
from augreg.plan.stages import AffineStage as AffineStage
from augreg.plan.stages import BranchStage as BranchStage
from augreg.plan.stages import ColorPart as ColorPart
from augreg.plan.stages import Decode as Decode
from augreg.plan.stages import Guard as Guard
from augreg.plan.stages import Item as Item
from augreg.plan.stages import LatticeStage as LatticeStage
from augreg.plan.stages import MixStage as MixStage
from augreg.plan.stages import MixtureStage as MixtureStage
from augreg.plan.stages import NeighborStage as NeighborStage
from augreg.plan.stages import PixelPart as PixelPart
from augreg.plan.stages import PointwiseStage as PointwiseStage
from augreg.plan.stages import ResizeStage as ResizeStage
from augreg.plan.stages import Stage as Stage
from augreg.plan.stages import StaticSize as StaticSize
from augreg.plan.stages import pointer_in as pointer_in
from augreg.plan.stages import pointers_of as pointers_of
