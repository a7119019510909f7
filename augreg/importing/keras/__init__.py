"""Models and layers of Keras 3, read from their configuration without importing Keras."""

from augreg.importing.keras.models import Document as Document
from augreg.importing.keras.models import is_one as is_one
