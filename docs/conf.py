"""Sphinx: `make docs` builds this folder strictly into build/docs."""

from augreg import __version__

project = "augreg"
copyright = "the augreg authors"  # the name is Sphinx's
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["generate.py"]

myst_enable_extensions = ["colon_fence", "deflist"]
# `[text](page.md#a-heading)` resolves, and a wrong one is a warning, so an error.
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"augreg {release}"
