"""`python -m augreg` is the command `augreg`."""

from __future__ import annotations

from augreg.cli import main

if __name__ == "__main__":
    main()
