"""What the fault tests share: the command in this process, and files that are wrong."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from augreg.cli import main

KEEP = {"version": 1, "augment": [{"op": "flip", "p": 0}]}


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def command(*arguments: object) -> Said:
    """Runs `augreg`; a traceback is never an answer."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int)
    assert "Traceback" not in err.getvalue()
    return Said(code, out.getvalue(), err.getvalue())


def policy_file(folder: Path, policy: Any = KEEP, name: str = "p.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    raw = policy if isinstance(policy, bytes) else None
    text = policy if isinstance(policy, str) else json.dumps(policy, default=str)
    path.write_bytes(text.encode("utf-8", "surrogatepass") if raw is None else raw)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- images -----------------------------------------------------------------------------------


def pixels(height: int = 9, width: int = 12, seed: int = 0) -> Any:
    """uint8 [H,W,3], smooth enough for a JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def encoded(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    made = image if isinstance(image, Image.Image) else Image.fromarray(image)
    made.save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims a size; no pixels follow."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82"


def frames(kind: str, count: int = 3) -> bytes:
    """An animation, losslessly where the format can."""
    made = [Image.fromarray(pixels(seed=i)) for i in range(count)]
    more = {"lossless": True} if kind == "WEBP" else {}
    return encoded(made[0], kind, save_all=True, append_images=made[1:], duration=40, **more)


BAD = {
    "26_empty.png": b"",
    "27_page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
    "28_cut.jpg": encoded(pixels(60, 80), "JPEG")[:500],
    "29_cut.png": encoded(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))[:4000],
    "30_nothing.png": png_header(0, 0),
}


@dataclass(frozen=True)
class Applied:
    """A run of `augreg apply`: how it ended, and the outputs by the images' names."""

    said: Said
    images: dict[str, Any]
    folder: Path


def applied(
    tmp_path: Path, files: dict[str, bytes], *options: object, policy: Any = KEEP
) -> Applied:
    """Runs `apply` on a folder of `files`; nothing but whole outputs may be left."""
    source, output = tmp_path / "in", tmp_path / "out"
    for name, contents in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(contents)
    said = command("apply", policy_file(tmp_path, policy), source, output, *options)
    made = {}
    for name in tree(output):
        if name not in ("policy.json", "apply.json", "manifest.jsonl"):
            with Image.open(output / name) as image:
                made[name.removesuffix(".0.png")] = np.asarray(image)
    return Applied(said, made, output)
