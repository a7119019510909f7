"""Which images a run takes and in which order, and what it refuses before it begins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from augreg.apply.journal import NAME, originals
from augreg.apply.output import Output
from augreg.apply.renderer import Task
from augreg.apply.settings import POLICY, SETTINGS, ApplyOptions
from augreg.apply.store import Store
from augreg.errors import DataError, RunError
from augreg.images import list_images, one_line
from augreg.images.files import is_image
from augreg.paths import holds, links_in
from augreg.plan import plan

_EPOCHS = 2**32
_OURS = frozenset({POLICY, SETTINGS, NAME})
FROZEN = ".augreg-listing"  # in the output until it is done, where the input is an object store


def tasks_of(options: ApplyOptions, targets: Mapping[str, str] | None = None) -> list[Task]:
    """Every output of a run in its order, whatever its shard.

    Args:
        targets: of annotated images, what the names of each one's outputs begin with, by its name.

    Raises:
        PolicyError: the policy can't work at any size.
        DataError: there are no images, or a name can't be used.
        RunError: one of the folders holds the other, or an epoch is too large.
    """
    plan(options.policy)
    if not 0 <= options.epoch <= _EPOCHS - options.copies:
        raise RunError(
            f"the last epoch, {options.epoch} + {options.copies} - 1, is above 2**32 - 1"
        )
    _check_folders(options)
    root = options.input
    if targets is None or isinstance(root, Store):
        targets = {name: name for name in _names(options)}
    else:
        _check_links(options, sorted({root / os.path.dirname(name) for name in targets}))
    if not targets:
        raise DataError(f"{one_line(options.input)}: no images in this folder or below it")
    _check_names(list(targets.values()), options.encoding.suffix)
    made, suffix = originals(options.input), options.encoding.suffix
    return [
        Task(
            options.input / name,
            name,
            index,
            options.epoch + copy,
            copy,
            made.get(name, ""),
            suffix,
            target,
        )
        for index, (name, target) in enumerate(targets.items())
        for copy in range(options.copies)
    ]


def _names(options: ApplyOptions) -> list[str]:
    source, listing = options.input, options.listing
    if listing is None and isinstance(source, Store):
        frozen = options.output / FROZEN
        if not frozen.is_file():
            return _images(source)
        return frozen.read_bytes().decode().removesuffix("\n").split("\n")
    if listing is None:
        _check_links(options, links_in(source))
        return [path.relative_to(source).as_posix() for path in list_images(Path(source))]
    names = read_listing(listing, source)
    if not isinstance(source, Store):
        _check_links(options, sorted({source / os.path.dirname(name) for name in names}))
    return names


def _images(store: Store) -> list[str]:
    try:
        names = store.images()
    except OSError as error:
        raise DataError(f"{one_line(store)}: it can't be listed: {error.strerror}") from None
    for name in names:
        if "" in name.split("/") or "\n" in name:
            raise DataError(
                f"{one_line(store / name)}: a name with // or a line break in it; rename the object"
            )
    return names


def freeze(folder: Output, options: ApplyOptions, tasks: Sequence[Task]) -> None:
    """Keeps the list of an input that others may change, and that takes long to list."""
    if isinstance(options.input, Store) and options.listing is None and not folder.has(FROZEN):
        names = dict.fromkeys(task.name for task in tasks)
        folder.write(FROZEN, "".join(f"{name}\n" for name in names).encode())


def read_listing(listing: Path | Store, folder: Path | Store) -> list[str]:
    """The names in a listing, one a line. The images need not be there: they are skipped then.

    Raises:
        DataError: it can't be read, or a line is no image's path in `folder`.
    """
    try:
        text = listing.read_bytes()
    except OSError as error:
        raise DataError(
            f"{one_line(listing)}: the listing can't be read: {error.strerror}"
        ) from None
    lines: dict[str, int] = {}
    listed = os.fsdecode(text).removesuffix("\n").split("\n")
    images = _are_images(folder, listed)
    for number, (name, is_one) in enumerate(zip(listed, images, strict=True), start=1):
        where = f"{one_line(listing)}:{number}: {one_line(name) or 'empty'}"
        if any(not part or part.startswith(".") for part in name.split("/")):
            raise DataError(
                f"{where}: not a path of an image in the input folder; write it relative to that, "
                "with slashes, and without parts that are hidden or .."
            )
        if name in lines:
            raise DataError(f"{where}: line {lines[name]} has it too; list each image once")
        if not is_one:
            raise DataError(
                f"{where}: not an image, by its extension or its first bytes; remove the line"
            )
        lines[name] = number
    return list(lines)


def _are_images(folder: Path | Store, names: Sequence[str]) -> list[bool]:
    if isinstance(folder, Store):
        return folder.are_images(names)
    return [is_image(folder / name) for name in names]


def _check_folders(options: ApplyOptions) -> None:
    """Refuses folders of which one holds the other.

    Outputs among the inputs would be augmented again by the next run, and be learnt from as if
    they were photographs of their own.
    """
    if not options.input.is_dir():
        raise DataError(f"{one_line(options.input)}: not a folder; name a folder of images")
    where = one_line(options.output)
    if _holds(options.output, options.input):
        raise RunError(
            f"{where}: the output folder is the input folder or holds it; name another one"
        )
    if _holds(options.input, options.output):
        raise RunError(
            f"{where}: the output folder is inside the input folder, whose images it would "
            "be counted among; name one outside of it"
        )


def _holds(outer: Path | Store, inner: Path | Store) -> bool:
    if isinstance(outer, Store):
        return isinstance(inner, Store) and outer in (inner, *inner.parents)
    return not isinstance(inner, Store) and holds(outer, inner)


def _check_links(options: ApplyOptions, paths: Iterable[Path]) -> None:
    for path in paths:
        if holds(options.output, path) or holds(path, options.output):
            raise RunError(
                f"{one_line(path)}: this link leads from the input folder into the output folder; "
                "remove it, or name another output folder"
            )


def _check_names(names: list[str], suffix: str) -> None:
    """Refuses folders in the input that would take the place of an output."""
    known = set(names)
    folders = {str(parent) for name in names for parent in Path(name).parents}
    for folder in folders:
        clash = re.fullmatch(rf"(.+)\.\d+{re.escape(suffix)}", folder, re.DOTALL)
        if folder in _OURS or (clash and clash.group(1) in known):
            raise DataError(
                f"{one_line(folder)}: a folder of this name is in the way of an output; rename it"
            )
