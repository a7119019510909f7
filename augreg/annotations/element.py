"""What an element of a dataset is: where its image is, what belongs to it, and replacing them.

An element is taken apart by paths: of each part that augreg knows, the keys and places that lead to
it. What no path leads to passes through, in the container that it came in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from augreg.annotations.boxes import CORNERS
from augreg.annotations.layout import PLAIN, Layout, Parts
from augreg.annotations.parts import BOXES, FRAMES, IMAGES, LABELS
from augreg.checks import shape_of
from augreg.errors import DataError

Path: TypeAlias = tuple[Any, ...]
_USUAL = ("image", "images", "img", "imgs", "pixels", "pixel_values", "photo", "picture", "x")
_FORMS = (
    'allowed are an image, (image, label), (image, label, weight), (image, {...}) and {"images": '
    "...}; parts= names the parts of others"
)


@dataclass(frozen=True)
class Indexed:
    """A source with random access: shuffling it needs no buffer, and skipping costs nothing.

    Attributes:
        size: the number of its elements.
        element: maps a position, int64 [], 0 to size - 1, to an element, in TensorFlow's graph ops.

    >>> import augreg, tensorflow as tf
    >>> images = tf.zeros((8, 4, 4, 3), tf.uint8)
    >>> source = augreg.Indexed(8, lambda i: images[i])
    >>> len(augreg.augment_dataset(source, "flowers", batch_size=3))
    3
    """

    size: int
    element: Callable[[Any], Any]


def image_of(element: Any, layout: Layout = PLAIN) -> Any:
    """The image of an element: itself, the first of a tuple, a dict's "images", or what is named.

    Its frames [T,H,W,C], where those are its image.

    Raises:
        DataError: the element has another form, or no image.
    """
    return _at(element, paths(element, layout)[IMAGES])


def has_frames(element: Any, layout: Layout = PLAIN) -> bool:
    """Whether an element's image is "frames": several images that have the draws of one."""
    return any(name == FRAMES for name, _ in _named(element, layout))


def with_image(element: Any, image: Any, layout: Layout = PLAIN) -> Any:
    """The element with another image; everything else as it was."""
    return _with(element, paths(element, layout)[IMAGES], image)


def targets_of(element: Any, layout: Layout = PLAIN) -> dict[str, Any]:
    """The parts of an element that are masks, boxes, keypoints, labels or further ones, by name.

    Boxes are a dict of their own, {"boxes": [N, 4], "labels": [N]}, also where the element holds
    the two side by side, as detection models take them, and "corners" beside them.

    Raises:
        DataError: as `paths`, or a further part that the layout names is not there.
    """
    places = paths(element, layout)
    found = {name: _at(element, path) for name, path in places.items() if name != IMAGES}
    found = {name: value for name, value in found.items() if value is not None}
    for name, _ in layout.also:
        if name not in found:
            keys = f"; found {_keys(element)}" if isinstance(element, Mapping) else ""
            raise DataError(
                f'also names "{name}", which the element does not hold{keys}; it is the key of a '
                "dict, or a name that parts= gives"
            )
    for name in _flat(found):
        found[name] = {"boxes": found[name], "labels": found.pop(LABELS)}
        if CORNERS in found:
            found[name][CORNERS] = found.pop(CORNERS)
    return found


def with_targets(element: Any, targets: Mapping[str, Any], layout: Layout = PLAIN) -> Any:
    """The element with these in place of its own, in the form that they had.

    Raises:
        DataError: corners of boxes that stand beside their labels in a tuple, which has no key for
            them.
    """
    places = paths(element, layout)
    flat = _flat({name: _at(element, path) for name, path in places.items()})
    for name, value in targets.items():
        if name in flat:
            element = _with(element, places[LABELS], value["labels"])
            if CORNERS in value:
                element = _with(element, _beside(element, places[name]), value[CORNERS])
            value = value["boxes"]
        element = _with(element, places[name], value)
    return element


def weights_of(element: Any, layout: Layout = PLAIN) -> dict[str, Any]:
    """The weights of a tuple's samples, where nobody named its parts."""
    weighted = layout.parts is None and isinstance(element, tuple | list) and len(element) == 3
    return {"weights": element[2]} if weighted and element[2] is not None else {}


def _flat(found: Mapping[str, Any]) -> list[str]:
    """Boxes that are an array beside their labels."""
    return [
        name
        for name in BOXES
        if name in found and LABELS in found and not isinstance(found[name], Mapping)
    ]


def _beside(element: Any, boxes: Path) -> Path:
    """Where corners go of boxes that are an array: a key beside theirs; raises `DataError`."""
    if not isinstance(_at(element, boxes[:-1]), Mapping):
        raise DataError(
            'oriented=True for boxes that are a part of a tuple, which has no key for "corners"; '
            'allowed are a dict {"boxes": [N, 4], "labels": [N]}, and the two as keys of another'
        )
    return (*boxes[:-1], CORNERS)


def paths(element: Any, layout: Layout = PLAIN) -> dict[str, Path]:
    """The path to each part of an element that augreg knows, by its name.

    "images" is there, and leads to an element's frames where it has those.

    Raises:
        DataError: the element has another form, no image, or two parts of one name.
    """
    found: dict[str, Path] = {}
    for name, path in _named(element, layout):
        if name in found:
            raise DataError(f'an element with two parts named "{name}"; allowed is one of each')
        if name is not None:
            found[name] = path
    if IMAGES in found and FRAMES in found:
        raise DataError(
            f'an element with "{IMAGES}" and "{FRAMES}"; allowed is one of them, and also= for '
            "images beside it"
        )
    if FRAMES in found:
        found[IMAGES] = found.pop(FRAMES)
    if IMAGES not in found:
        raise DataError(_without_images(element, layout.parts))
    for name in _flat({name: _at(element, path) for name, path in found.items()}):
        holder = found[name][:-1]
        there = isinstance(beside := _at(element, holder), Mapping) and CORNERS in beside
        if there and (*holder, CORNERS) not in excused(element, layout):
            found[CORNERS] = (*holder, CORNERS)
    return found


def _named(element: Any, layout: Layout) -> Iterator[tuple[str | None, Path]]:
    """(name, path) of each part that augreg knows; None for the name of what stays as it is."""
    parts, names = layout.parts, layout.names
    if isinstance(element, list) and parts is None and not _is_pair(element):
        raise DataError(
            f"a list of {len(element)} parts, which may be a batch or one element; stack images "
            "into one array [B, H, W, C], and write an element as a tuple, (image, label)"
        )
    if isinstance(element, Mapping):
        yield from _of_dict(element, parts, (), names)
    elif isinstance(element, tuple | list):
        yield from _of_tuple(element, parts, (), names)
    elif parts is not None and not isinstance(parts, Mapping) and len(parts) != 1:
        raise DataError(f"parts={tuple(parts)!r}, and the element is a single image")
    else:
        yield IMAGES if not parts or isinstance(parts, Mapping) else parts[0], ()


def _is_pair(element: list[Any]) -> bool:
    """Whether only the first part of a list can be an image: Keras saves a tuple as a list."""
    first, *rest = [0, *(len(shape_of(part) or ()) for part in element)][bool(element) :]
    return first >= 3 and bool(rest) and max(rest) < 3


def _of_tuple(
    element: Any, parts: Parts | None, path: Path, names: Sequence[str]
) -> Iterator[tuple[str | None, Path]]:
    many = len(element) if isinstance(element, tuple | list) else 1
    if parts is None:
        parts = by_convention(element)
    elif isinstance(parts, Mapping) or len(parts) != many or not isinstance(element, tuple | list):
        given = dict(parts) if isinstance(parts, Mapping) else tuple(parts)
        where = f"{many} parts" if many > 1 else "one part"
        raise DataError(
            f"parts={given!r} for an element of {where}; allowed is a name, or None, "
            "for each of them"
        )
    for place, (name, part) in enumerate(zip(parts, element, strict=True)):
        yield from _of_part(part, name, (*path, place), names)


def _of_part(
    part: Any, name: Any, path: Path, names: Sequence[str]
) -> Iterator[tuple[str | None, Path]]:
    """What a part is that was named, or that has parts of its own whose names were given."""
    if isinstance(name, Mapping):
        yield from _of_dict(part, name, path, names)
    elif isinstance(name, tuple | list):
        yield from _of_tuple(part, name, path, names)
    else:
        yield name, path


def by_convention(element: Sequence[Any]) -> tuple[Any, ...]:
    """What a tuple's parts are where nobody names them: as `fit` takes them."""
    if not 1 <= len(element) <= 3:
        raise DataError(f"an element of {len(element)} parts; {_FORMS}")
    usual = (IMAGES, LABELS, None)
    return tuple(
        {} if isinstance(part, Mapping) and name is not None else name
        for name, part in zip(usual, element, strict=False)
    )


def excused(element: Any, layout: Layout) -> set[Path]:
    """The paths of what a layout says is to stay as it is: where it names None."""
    if layout.parts is None:
        return set()
    return {path for name, path in _named(element, layout) if name is None}


def _of_dict(
    element: Any, parts: Parts | None, path: Path, names: Sequence[str]
) -> Iterator[tuple[str | None, Path]]:
    renamed: Any = {} if parts is None else parts
    if not isinstance(renamed, Mapping) or not isinstance(element, Mapping):
        form = "a dict" if isinstance(element, Mapping) else f"a {type(element).__name__}"
        raise DataError(
            f"parts={parts!r} for {form}; a tuple's parts are named by a tuple, a "
            'dict\'s by a dict, as {"mask": "masks"}'
        )
    missing = [key for key in renamed if key not in element]
    if missing:
        raise DataError(
            f'parts names "{missing[0]}", which the element does not hold; found ' + _keys(element)
        )
    for key in element:
        if key in renamed:
            yield from _of_part(element[key], renamed[key], (*path, key), names)
        elif key in names:
            yield key, (*path, key)


def _without_images(element: Any, parts: Parts | None) -> str:
    if parts is not None:
        return f'parts={parts!r} without "images"; one of the parts has to be the image'
    if isinstance(element, Mapping):
        usual = next((k for k in element if str(k).lower() in _USUAL), _USUAL[0])
        named = f'parts={{"{usual}": "{IMAGES}"}}'
        found = f"found {_keys(element)}; {named} names an image that has another key"
        return f'an element that is a dict needs the key "{IMAGES}"; {found}'
    return f"an element without an image; {_FORMS}"


def _keys(element: Mapping[Any, Any]) -> str:
    return ", ".join(f'"{key}"' for key in element) or "no key"


def _at(element: Any, path: Path) -> Any:
    for step in path:
        element = element[step]
    return element


def _with(element: Any, path: Path, value: Any) -> Any:
    """The element with another value at the path, its containers of the types that they were."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    inner = _with(element[first], rest, value) if rest else value
    if isinstance(element, Mapping):
        if type(element) is dict or not hasattr(element, "__setitem__"):
            return {**element, first: inner}
        replaced = copy.copy(element)  # OrderedDict, defaultdict
        replaced[first] = inner
        return replaced
    values = (*element[:first], inner, *element[first + 1 :])
    if isinstance(element, list):
        return [*values]
    return type(element)._make(values) if hasattr(element, "_make") else values
