"""A folder of images in, augmented images and a journal out; and any line of the journal again."""

from augreg.apply.replay import replay
from augreg.apply.run import Report, apply_folder
from augreg.apply.settings import ApplyOptions

__all__ = ["ApplyOptions", "Report", "apply_folder", "replay"]
