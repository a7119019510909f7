"""One sheet a policy: what each contestant makes of the same photographs, to see equal work."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import work
from benchmarks.measure import Skipped
from benchmarks.peers import Source, contestants

COLUMNS = 8


def photographs(folder: Path, case: work.Case) -> np.ndarray:
    """One photograph, uint8 [B,S,S,3], B times: differences are the augmentation's."""
    import tensorflow as tf

    paths = sorted(folder.rglob("*.jpg"))
    if not paths:
        return np.repeat(work.images(case)[:1], case.batch, axis=0)
    image = tf.io.decode_jpeg(tf.io.read_file(str(paths[0])), channels=3)
    sized = tf.image.resize(image, [case.size, case.size]).numpy()
    return np.repeat(np.rint(sized).astype(np.uint8)[None], case.batch, axis=0)


def sheet(case: work.Case, source: Source, target: Path) -> list[str]:
    """Draw the original's row and one row a contestant; returns a line of statistics for each."""
    from matplotlib.figure import Figure

    rows: list[tuple[str, np.ndarray]] = [("original", source.images[:COLUMNS] / np.float32(255))]
    for contestant in contestants():
        # The processes make images of their own, and run the same pipeline as the one in tf.data.
        if contestant.name.startswith(("floor", "albumentations_alone", "albumentations_2p")):
            continue
        try:
            runner = contestant.build(source)
        except Skipped:
            continue
        except Exception as error:
            rows.append((f"{contestant.title} FAILED {error}"[:60], source.images[:0]))
            continue
        rows.append((contestant.title, np.asarray(runner.sample())))
        runner.close()
    figure = Figure(figsize=(1.5 * COLUMNS, 1.7 * len(rows)), layout="constrained")
    axes: Any = figure.subplots(len(rows), COLUMNS, squeeze=False)
    for (title, made), line in zip(rows, axes, strict=True):
        for axis in line:
            axis.set_axis_off()
        line[0].set_title(title, loc="left", fontsize=9)
        for axis, image in zip(line, made, strict=False):
            axis.imshow(np.clip(image, 0, 1))
    figure.savefig(target, dpi=80)
    return [_statistics(title, made) for title, made in rows if len(made)]


def _statistics(title: str, made: np.ndarray) -> str:
    """Range, and the mean and deviation over images: equal work has equal ones, about."""
    means = made.mean(axis=(1, 2, 3))
    gray = np.mean(np.ptp(made, axis=-1).max(axis=(1, 2)) < 0.01)
    return (
        f"  {title:45} {made.dtype} {made.min():.3f}..{made.max():.3f} "
        f"mean {means.mean():.3f} ± {means.std():.3f}, gray {gray:.0%}"
    )


def run(folder: Path, out: Path, console: Console) -> None:
    """Write out/pictures_POLICY.png for every policy and print the statistics."""
    out.mkdir(parents=True, exist_ok=True)
    for policy in work.POLICIES:
        case = work.Case(policy, work.BASE, 128)
        target = out / f"pictures_{policy}.png"
        lines = sheet(case, Source(case, photographs(folder, case)), target)
        console.print(f"{target}")
        console.print("\n".join(lines), markup=False, highlight=False)
