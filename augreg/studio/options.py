"""What a studio is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PORT = 8123


@dataclass(frozen=True)
class StudioOptions:
    """What a studio shows, and where.

    Attributes:
        policy: the file that is opened and saved, or the name of a ready policy.
        images: folders and files of images, or sources such as `coco:PATH`; nothing else is read.
            Without any: the bundled photographs.
        port: of 127.0.0.1; 0 for a free one.
        show: opens the page in a browser, where there is a desktop.
        new_token: pages that were opened before are locked out.
        data_dir: of sources that are TFDS names, where prepared datasets lie.
    """

    policy: str = "flowers"
    images: tuple[str, ...] = ()
    port: int = PORT
    show: bool = True
    new_token: bool = False
    data_dir: Path | None = None
