"""The closed algebra of image maps: what ops return, and how maps compose and are chosen among.

Everything here works on tiny arrays with a leading dimension of B or 1; no pixel is touched.
Coordinates are (x, y), x to the right, y down, pixel centres at integers.
"""

from augreg.algebra.composition import compose_affine as compose_affine
from augreg.algebra.composition import compose_color as compose_color
from augreg.algebra.composition import compose_lattice as compose_lattice
from augreg.algebra.composition import lattice_to_affine as lattice_to_affine
from augreg.algebra.composition import move_points as move_points
from augreg.algebra.composition import select as select
from augreg.algebra.composition import small_matmul as small_matmul
from augreg.algebra.composition import to_projective as to_projective
from augreg.algebra.elements import GEOMETRIC as GEOMETRIC
from augreg.algebra.elements import HORIZON as HORIZON
from augreg.algebra.elements import STATISTICS as STATISTICS
from augreg.algebra.elements import AffineMap as AffineMap
from augreg.algebra.elements import ColorMap as ColorMap
from augreg.algebra.elements import Element as Element
from augreg.algebra.elements import LatticeMap as LatticeMap
from augreg.algebra.elements import Mix as Mix
from augreg.algebra.elements import Neighborhood as Neighborhood
from augreg.algebra.elements import PixelFunction as PixelFunction
from augreg.algebra.elements import ProjectiveMap as ProjectiveMap
from augreg.algebra.elements import Resize as Resize
from augreg.algebra.elements import Size as Size
from augreg.algebra.elements import batched as batched
