"""What a studio is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StudioOptions:
    """What a studio shows, and where.

    Attributes:
        policy: the file that is opened and saved, or the name of a ready policy.
        images: folders and files of images, or sources such as `coco:PATH`; nothing else is read.
            None: the bundled photographs.
        port: of 127.0.0.1; 0 for a free one.
        show: opens the page in a browser.
    """

    policy: str = "flowers"
    images: tuple[str, ...] = ()
    port: int = 8123
    show: bool = True
    data_dir: Path | None = None
