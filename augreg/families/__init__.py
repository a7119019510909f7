"""The closed algebra of image maps: what ops return, and how maps compose and are chosen among.

Everything here works on tiny arrays with a leading dimension of B or 1; no pixel is touched.
Coordinates are (x, y), x to the right, y down, pixel centres at integers.
"""

from augreg.families.composition import compose_affine as compose_affine
from augreg.families.composition import compose_color as compose_color
from augreg.families.composition import compose_lattice as compose_lattice
from augreg.families.composition import lattice_to_affine as lattice_to_affine
from augreg.families.composition import move_points as move_points
from augreg.families.composition import select as select
from augreg.families.composition import small_matmul as small_matmul
from augreg.families.composition import to_projective as to_projective
from augreg.families.transforms import GEOMETRIC as GEOMETRIC
from augreg.families.transforms import HORIZON as HORIZON
from augreg.families.transforms import STATISTICS as STATISTICS
from augreg.families.transforms import AffineMap as AffineMap
from augreg.families.transforms import ColorMap as ColorMap
from augreg.families.transforms import LatticeMap as LatticeMap
from augreg.families.transforms import Mix as Mix
from augreg.families.transforms import Neighborhood as Neighborhood
from augreg.families.transforms import PixelFunction as PixelFunction
from augreg.families.transforms import ProjectiveMap as ProjectiveMap
from augreg.families.transforms import Resize as Resize
from augreg.families.transforms import Size as Size
from augreg.families.transforms import Transform as Transform
from augreg.families.transforms import batched as batched
