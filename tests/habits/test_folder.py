"""`apply --copies 3` and then `train --data folder:`: copies follow the photograph behind them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.apply import ApplyOptions, Report, apply_folder
from augreg.errors import DataError
from augreg.sources import Source, open_source

PHOTOS = 24
POLICY = augreg.load_policy(
    {"version": 1, "augment": [{"op": "brightness", "delta": [-0.2, 0.2]}]},
)


def _photos(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("daisy", "rose"):
        (root / label).mkdir(parents=True)
        for i in range(PHOTOS):
            image = rng.integers(50, 200, (6, 6, 3), np.uint8)
            (root / label / f"{label}{i}.png").write_bytes(tf.io.encode_png(image).numpy())
    return root


def _splits(source: Source, root: Path) -> dict[str, set[str]]:
    """For each photograph, the splits in which images of it are."""
    behind = {}
    for manifest in root.rglob("manifest.jsonl"):
        for text in manifest.read_text().splitlines():
            line = json.loads(text)
            behind[line["sha256"]] = line["source"].rsplit("/", 1)[-1]
    found = defaultdict(set)
    for name, split in source.splits.items():
        for contents, _ in split.dataset.as_numpy_iterator():
            found[behind[hashlib.sha256(contents).hexdigest()]].add(name)
    return found


@pytest.mark.parametrize("by_class", [False, True])
def test_copies_of_one_photograph_are_in_one_split(tmp_path: Path, by_class: bool) -> None:
    photos, made = _photos(tmp_path / "photos"), tmp_path / "made"
    for label in ("daisy", "rose") if by_class else ("",):
        apply_folder(ApplyOptions(POLICY, photos / label, made / label, copies=3), Report())
    source = open_source(f"folder:{made}")
    assert sum(split.size for split in source.splits.values()) == 2 * PHOTOS * 3
    found = _splits(source, made)
    assert len(found) == 2 * PHOTOS
    assert all(len(splits) == 1 for splits in found.values())
    # and they are where the photograph itself is
    plain = open_source(f"folder:{photos}").splits
    assert {name: split.size for name, split in source.splits.items()} == {
        name: 3 * split.size for name, split in plain.items()
    }


def test_a_damaged_manifest_is_refused_and_another_program_s_left_alone(tmp_path: Path) -> None:
    photos, made = _photos(tmp_path / "photos"), tmp_path / "made"
    (photos / "manifest.jsonl").write_text('{"file": "daisy0.png"}\n')
    open_source(f"folder:{photos}")
    apply_folder(ApplyOptions(POLICY, photos, made, copies=2), Report())
    lines = (made / "manifest.jsonl").read_text().splitlines(keepends=True)
    (made / "manifest.jsonl").write_text("".join([lines[0], "{}\n", *lines[2:]]))
    with pytest.raises(DataError, match=r"manifest.jsonl:2: no line of a manifest.*restore it"):
        open_source(f"folder:{made}")
