"""The samples that pages show, and how they are made quickly."""
