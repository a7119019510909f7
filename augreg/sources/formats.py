"""What the modules of coco, yolo, voc and masks need to read their files and name their splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from augreg.errors import DataError, suggest
from augreg.images import one_line
from augreg.paths import check_here
from augreg.sources.openers import without_kind
from augreg.sources.originals import Originals
from augreg.sources.splitting import SPLITS, hashed_split

HASHED = "split 80/10/10 by the SHA-256 of the files' names, copies with their original"


def folder_of(spec: str, wanted: str) -> Path:
    """The path in `coco:PATH`; raises `DataError` where there is none."""
    name = without_kind(spec)
    if not name.strip():
        raise DataError(f'"{spec}" names no path; wanted is {wanted}')
    check_here(name)
    if not Path(name).exists():
        raise DataError(f"{spec}: there is no {one_line(name)}; wanted is {wanted}")
    return Path(name)


def read_text(path: Path) -> str:
    """A text in UTF-8; raises `DataError` where it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{one_line(path)}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{one_line(path)}: not a text in UTF-8") from None


def parts_of(
    spec: str, wanted: Sequence[str] | None, found: Sequence[str], usual: Sequence[str]
) -> tuple[str, ...]:
    """The parts that elements hold: those that were asked for, or `usual`.

    Raises:
        DataError: a part was asked for that the dataset does not have.
    """
    for name in wanted or ():
        if name not in found:
            raise DataError(
                f"{spec}: parts={tuple(wanted or ())!r}, and it has no {name!r}"
                f"{suggest(name, found)}; it has {', '.join(found)}"
            )
    return tuple(name for name in found if name in (wanted or usual))


def hashed(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """The images of each split, by their files' names; see `hashed_split`."""
    originals, found = Originals(), {split: list[Path]() for split in SPLITS}
    for path in paths:
        found[hashed_split(originals.name(path))].append(path)
    return found
