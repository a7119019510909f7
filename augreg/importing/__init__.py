"""The way in: policies from documents of other libraries, with a report of what differs."""

from augreg.importing.convert import import_policy as import_policy
from augreg.importing.report import Imported as Imported
from augreg.importing.report import Line as Line
