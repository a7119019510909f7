"""A folder of images in, augmented images and a journal out; and any line of the journal again."""

from augreg.apply.encoding import Encoding
from augreg.apply.merge import Merged, merge
from augreg.apply.replay import replay
from augreg.apply.run import Report, apply_folder
from augreg.apply.settings import ApplyOptions
from augreg.apply.shard import Shard

__all__ = [
    "ApplyOptions",
    "Encoding",
    "Merged",
    "Report",
    "Shard",
    "apply_folder",
    "merge",
    "replay",
]
