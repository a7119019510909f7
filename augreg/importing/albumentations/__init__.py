"""Documents of Albumentations (`A.save`, `A.to_dict`), read without importing it."""

from augreg.importing.albumentations.containers import Document as Document
from augreg.importing.albumentations.containers import is_one as is_one
