"""The closed algebra of image maps: each family's transform, and the stage that its kernel does.

Everything here works on tiny arrays with a leading dimension of B or 1; no pixel is touched.
Coordinates are (x, y), x to the right, y down, pixel centres at integers.
"""

from augreg.families.affine import AffineFamily as AffineFamily
from augreg.families.affine import AffineMap as AffineMap
from augreg.families.affine import AffineStage as AffineStage
from augreg.families.affine import ProjectiveMap as ProjectiveMap
from augreg.families.branches import BranchStage as BranchStage
from augreg.families.branches import MixtureStage as MixtureStage
from augreg.families.call import batched as batched
from augreg.families.call import call_op as call_op
from augreg.families.call import transform_of as transform_of
from augreg.families.color import ColorFamily as ColorFamily
from augreg.families.color import ColorMap as ColorMap
from augreg.families.color import ColorPart as ColorPart
from augreg.families.displacement import Displaced as Displaced
from augreg.families.displacement import Displacement as Displacement
from augreg.families.lattice import Lattice as Lattice
from augreg.families.lattice import LatticeMap as LatticeMap
from augreg.families.lattice import LatticeStage as LatticeStage
from augreg.families.lattice import move_points as move_points
from augreg.families.mix import Mix as Mix
from augreg.families.mix import MixStage as MixStage
from augreg.families.mosaic import Mosaic as Mosaic
from augreg.families.mosaic import MosaicStage as MosaicStage
from augreg.families.neighborhood import Neighborhood as Neighborhood
from augreg.families.neighborhood import NeighborStage as NeighborStage
from augreg.families.paste import Paste as Paste
from augreg.families.paste import PasteStage as PasteStage
from augreg.families.pointwise import PixelFunction as PixelFunction
from augreg.families.pointwise import PixelPart as PixelPart
from augreg.families.pointwise import PointwiseStage as PointwiseStage
from augreg.families.positions import HORIZON as HORIZON
from augreg.families.resize import Resize as Resize
from augreg.families.resize import ResizeStage as ResizeStage
from augreg.families.stage import Guard as Guard
from augreg.families.stage import Item as Item
from augreg.families.stage import Size as Size
from augreg.families.stage import Stage as Stage
from augreg.families.stage import StaticSize as StaticSize
from augreg.families.stage import select as select
from augreg.families.transform import Transform as Transform
