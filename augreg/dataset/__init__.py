"""The tf.data target: a map function for one's own pipeline, and the whole pipeline.

Nothing here holds a random state: an element's augmentation is a function of (seed, epoch, index),
so it may run in any order, on any number of threads. What may be counted is iterations: each is an
epoch (`epoch_counter`). Where epochs are given as a number, an iterator's checkpoint holds it all.
"""

from augreg.dataset.epoch_counter import enumerate_epochs as enumerate_epochs
from augreg.dataset.function import MapFunction as MapFunction
from augreg.dataset.function import at_any_size as at_any_size
from augreg.dataset.function import map_fn as map_fn
from augreg.dataset.pipeline import augment_dataset as augment_dataset
from augreg.dataset.shuffling import WINDOW as WINDOW
from augreg.dataset.slices import slice_rows as slice_rows
