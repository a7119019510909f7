"""Writes what docs/ has from the program itself: the op reference with its pictures, a preview.

    python docs/generate.py           writes them
    python docs/generate.py --check   exits with 1 where they are out of date

Needs no TensorFlow: the pictures come from the NumPy reference.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pictures import HEIGHT, WIDTH, picture, policy_of
from PIL import Image

import augreg
from augreg.families import (
    AffineMap,
    ColorMap,
    Displacement,
    LatticeMap,
    Mix,
    Mosaic,
    Neighborhood,
    Paste,
    PixelFunction,
    ProjectiveMap,
    Resize,
    transform_of,
)
from augreg.images import photo_paths
from augreg.plugin.params import REQUIRED
from augreg.plugin.registry import FIRST_PARTY, default_registry
from augreg.policy import load_policy
from augreg.views.preview import PreviewOptions, preview

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "ops.md"
PREVIEW = DOCS / "images" / "preview.png"
PICTURES = DOCS / "images" / "ops"
LINK = re.compile(r"https?://[^\s)]+[^\s).,;:]")

FAMILIES = {
    LatticeMap: "lattice map (moves whole pixels, exactly)",
    AffineMap: "affine map (consecutive ones share one resample)",
    Displacement: "displacement (the last of those that share one resample)",
    ColorMap: "colour map (consecutive ones become one matrix)",
    PixelFunction: "pixel function (fused into the pointwise kernel)",
    ProjectiveMap: "projective map (shares one resample with affine neighbours)",
    Neighborhood: "neighbourhood (reads a window; a separate kernel)",
    Resize: "resize (a boundary: geometry before and after is resampled separately)",
    Mosaic: "mosaic (needs batches; its result depends on the batch)",
    Paste: "paste (needs batches with masks; its result depends on the batch)",
    Mix: "mix (needs batches with labels; its result depends on the batch)",
}
MACRO = "macro (`augreg expand` prints its groups)"

HEAD = """\
# Op reference

<!-- Written by docs/generate.py: change the ops' docstrings, not this page. -->

Every step also takes `p`, the probability that it is applied (0 to 1, by default 1; or a
[schedule](write-a-policy.md#schedules)), `when`, the
[classes that it is for](write-a-policy.md#steps-for-some-classes-only), and `id`, a name for its
draws that keeps them when the step moves.

A *drawn* parameter takes a constant, `[lo, hi]`, `{"choice": [...], "weights": [...]}` or a
[schedule](write-a-policy.md#schedules); a number that is not an integer also takes
`{"normal": [mean, std], "min": a, "max": b}` and `{"log_uniform": [lo, hi]}`. A *static* parameter
takes a constant only. See
[parameter values](write-a-policy.md#parameter-values-and-distributions).

The pictures show the original, then the same sample at low, middle and high strength (the
reference, seed 7). For code size, speed and parity see the [op table](op-table.md). A *macro* is
used like an op and is expanded into ordinary groups when a policy is loaded
([automatic policies](automatic-policies.md)).
"""


def main(arguments: list[str]) -> int:
    """Writes or checks; returns the exit code."""
    files = reference()
    stale = [path for path, content in files.items() if not is_current(path, content)]
    known = set(files)
    left_over = [path for path in PICTURES.glob("*") if path not in known]
    if arguments == ["--check"]:
        for path in [*stale, *left_over]:
            print(f"{path.relative_to(DOCS.parent)} is out of date: run 'make generate'")
        return int(bool(stale or left_over))
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_bytes(files[path])
    for path in left_over:
        path.unlink()
    return 0


def reference() -> dict[Path, bytes]:
    """Every file and what it has to hold."""
    registry = default_registry()
    ops = [
        op for op in registry.steps.values() if registry.owner[op.name].distribution == FIRST_PARTY
    ]
    files: dict[Path, bytes] = {PREVIEW: preview_of("flowers")}
    sections = [HEAD]
    for op in ops:
        files[PICTURES / f"{op.name}.jpg"], shown = picture(op)
        sections.append(section(op, shown))
    files[PAGE] = "\n".join(sections).encode()
    return files


def preview_of(name: str) -> bytes:
    """What `augreg preview NAME` draws of one photograph, in 256 colours, which is a third."""
    options = PreviewOptions(
        load_policy(DOCS.parent / "policies" / f"{name}.json"), photo_paths()[1:]
    )
    buffer = io.BytesIO()
    preview(options).quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def is_current(path: Path, content: bytes) -> bool:
    """Text has to be equal; pictures may differ by what another encoder or processor rounds."""
    if not path.is_file():
        return False
    if path.suffix == ".md":
        return path.read_bytes() == content
    one, two = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)
        for data in (path.read_bytes(), content)
    )
    return one.shape == two.shape and float(np.abs(one - two).mean()) < 2


def section(op: augreg.Op | augreg.Macro, shown: list[Mapping[str, Any]]) -> str:
    """The part of the page about one op."""
    step = json.dumps({"op": op.name, **op.example})
    lines = [f"## {op.name}", "", LINK.sub(r"<\g<0>>", op.doc), ""]
    lines += [f"![{op.name}](images/ops/{op.name}.jpg)", "", caption(op, shown), ""]
    lines += ["```json", step, "```", ""]
    if op.settable:
        lines += ["| parameter | takes | default |", "|---|---|---|"]
        lines += [row(name, spec) for name, spec in op.settable.items()]
        lines.append("")
    gray = {True: "Images: RGB or one channel. ", False: "Images: RGB. ", None: ""}
    takes = gray[getattr(op, "gray", None)]
    lines += [f"Family: {family(op)}. {takes}Version {op.version}.", ""]
    return "\n".join(lines)


def caption(op: augreg.Op | augreg.Macro, shown: list[Mapping[str, Any]]) -> str:
    """What stands beside the original."""
    if len(op.shown) > 1:
        low, middle, high = (f"`{json.dumps(rounded(dict(given)))}`" for given in shown)
        return f"The original, then {low}, {middle} and {high}."
    if len(shown) > 1:
        return "The original and three samples. It has no strength."
    return "The original and its result. It has no strength."


def row(name: str, spec: Any) -> str:
    """A parameter's line in the table."""
    if spec.default is REQUIRED:
        default = "required"
    elif spec.default is None:
        default = "not used"
    else:
        default = f"`{json.dumps(rounded(spec.default))}`"
    return f"| `{name}` | {spec.takes} | {default} |"


def rounded(value: Any) -> Any:
    """4/3 as 1.3333: the table is for reading."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def family(op: augreg.Op | augreg.Macro) -> str:
    """What its steps are to the compiler."""
    if isinstance(op, augreg.Macro):
        return MACRO
    (step,) = policy_of(op, op.example).augment
    return FAMILIES[type(transform_of(step, (HEIGHT, WIDTH)))]  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
