"""Size, speed and parity of every op, alone: docs/op-table.md.

Each op runs the example of the op reference, always done. Speed goes through `augment_dataset`, in
turns with the floor that only casts.
"""

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import machine, work
from benchmarks.lines import code_lines
from benchmarks.measure import Runner, interleave, settle
from benchmarks.page import machine_text, table
from benchmarks.peers import Source, floor
from benchmarks.peers.placement import pulled
from benchmarks.report import show_plain
from benchmarks.results import summarize

SEED = 7
IMAGES = 128
TOGETHER = 8  # ops that take turns with one another and the floor; more pipelines fill the memory
PHOTOS = 8  # samples that the reference makes
HEADERS = ("op", "lines", "images/s", "× floor", "reference, tf.data", "tf.data, layer")


# --- speed --------------------------------------------------------------------------------------


def policy_of(op: Any) -> Any:
    """The op's example alone, always done."""
    import augreg

    step = {key: value for key, value in op.example.items() if key != "p"}
    return augreg.load_policy({"version": 1, "augment": [{"op": op.name, **step}]})


def images(case: work.Case) -> np.ndarray:
    """uint8 [IMAGES,180,180,3]: a batch of the photographs that ship inside, then made up ones."""
    from PIL import Image

    from augreg.images import photo_paths

    made = work.images(case)[:IMAGES]
    for i in range(case.batch):
        path = photo_paths()[i % len(photo_paths())]
        made[i] = np.asarray(Image.open(path).convert("RGB").resize((case.size, case.size)))
    return made


def _runner(policy: Any, source: Source) -> Runner:
    import tensorflow as tf

    import augreg

    ds = tf.data.Dataset.from_tensor_slices(_element(policy, source.images)).repeat(1_000_000)
    return pulled(augreg.augment_dataset(ds, policy, source.case.batch, SEED))


def _element(policy: Any, images: np.ndarray) -> Any:
    """The images, with labels where the policy mixes them."""
    from augreg.annotations.mixing import mixing_steps

    if not mixing_steps(policy):
        return images
    return {"images": images, "labels": np.arange(len(images)) % 10}


def _pixels(element: Any) -> np.ndarray:
    return np.asarray(element["images"] if isinstance(element, dict) else element)


@dataclass(frozen=True)
class Speed:
    """entry: as in the other tables; first: the first batch that came out, of photographs."""

    entry: dict[str, Any]
    first: np.ndarray


def speeds(ops: Sequence[Any], source: Source, rounds: int, seconds: float) -> dict[str, Speed]:
    """Images a second, and how many times the floor's time an image takes, by op."""
    found: dict[str, Speed] = {}
    for at in range(0, len(ops), TOGETHER):
        group = ops[at : at + TOGETHER]
        settle()
        runners = {"floor": floor.CONTESTANTS[0].build(source)}
        runners |= {op.name: _runner(policy_of(op), source) for op in group}
        first = {name: _pixels(runner.sample()) for name, runner in runners.items()}
        turns = interleave(runners, rounds, seconds, source.case.batch)
        for runner in runners.values():
            runner.close()
        runners.clear()
        gc.collect()
        entries = summarize(turns, {name: name for name in turns}, {})
        found |= {entry["name"]: Speed(entry, first[entry["name"]]) for entry in entries}
    return found


# --- parity -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Apart:
    """The greatest difference in levels (0 to 255), and the share of values above one level."""

    levels: float
    above: float

    @staticmethod
    def between(one: Any, other: Any) -> "Apart":
        off = np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)) * 255
        return Apart(float(f"{off.max():.2g}"), float(f"{np.mean(off > 1):.2g}"))

    def __str__(self) -> str:
        few = f" ({self.above:.2%} above 1)" if self.above else ""
        return f"{self.levels:.2g}{few}"


def from_reference(policy: Any, photos: np.ndarray, data: np.ndarray) -> Apart:
    """How far the reference and tf.data are apart on a batch, whose first samples will do."""
    import augreg

    element = _element(policy, photos)
    if element is photos:
        element = photos[:PHOTOS]
    made = _pixels(augreg.augment(element, policy, SEED))
    return Apart.between(made, data[: len(made)])


def from_layer(policy: Any, photos: np.ndarray, data: np.ndarray) -> Apart:
    """How far tf.data and the Keras layer are apart on a batch."""
    import augreg

    layer = augreg.AugmentationLayer(policy, seed=SEED)
    index = np.arange(len(photos))
    made = layer(_element(policy, photos), training=True, index=index, epoch=0)
    return Apart.between(data, _pixels(made))


# --- the table ----------------------------------------------------------------------------------


def first_party() -> list[Any]:
    """augreg's own ops and macros by name."""
    from augreg.plugin.registry import FIRST_PARTY, default_registry

    known = default_registry()
    return [op for name, op in known.steps.items() if known.owner[name].distribution == FIRST_PARTY]


def run(rounds: int, seconds: float, console: Console) -> dict[str, Any]:
    """Everything about every op, printed as one table."""
    from augreg import Macro

    found: dict[str, Any] = {"kind": "ops", "machine": machine.describe(), "ops": []}
    case, ops = work.Case("ops", work.BASE), first_party()
    source = Source(case, images(case))
    measured = speeds(ops, source, rounds, seconds)
    photos = source.images[: case.batch]
    for op in ops:
        speed, policy = measured[op.name], policy_of(op)
        entry = {
            "name": op.name,
            "lines": code_lines(op.function),
            "images_per_second": speed.entry["images_per_second"],
            "floors": speed.entry["floors"],
            "reference": vars(from_reference(policy, photos, speed.first)),
        }
        # the kernels of a macro's many steps take longer to compile than all else here
        if not isinstance(op, Macro):
            entry["layer"] = vars(from_layer(policy, photos, speed.first))
        found["ops"].append(entry)
    floor_rate = measured["floor"].entry["images_per_second"]
    found |= {"rounds": rounds, "seconds": seconds, "floor": floor_rate}
    show_plain("ops", HEADERS, rows(found), console)
    return found


def rows(found: dict[str, Any]) -> list[list[str]]:
    """The table's lines, by name."""
    return [
        [
            entry["name"],
            str(entry["lines"]),
            f"{entry['images_per_second']['median']:,.0f}",
            f"{entry['floors']['median']:.1f}",
            str(Apart(**entry["reference"])),
            str(Apart(**entry["layer"])) if "layer" in entry else "",
        ]
        for entry in found["ops"]
    ]


def write(results: Path, target: Path) -> None:
    """The page, from what lies in `results`."""
    found = json.loads((results / "ops.json").read_text())
    template = (Path(__file__).parent / "ops.md").read_text()
    linked = [[f"[{name}](ops.md#{name})", *rest] for name, *rest in rows(found)]
    versions = {k: v for k, v in found["machine"]["versions"].items() if v != "not installed"}
    text = template.format(
        machine=machine_text({**found["machine"], "versions": versions}),
        floor=f"{found['floor']['median']:,.0f}",
        rounds=found["rounds"],
        table=table(HEADERS, linked),
    )
    target.write_text(text)
