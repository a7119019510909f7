"""One sheet a policy: what each contestant makes of the same photographs, to see equal work."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks import work
from benchmarks.measure import Skipped
from benchmarks.peers import Source, contestants

COLUMNS = 8


def sheet(source: Source, target: Path) -> None:
    """Draw the original's row and one row a contestant."""
    rows: list[tuple[str, np.ndarray]] = [("original", source.images[:COLUMNS] / np.float32(255))]
    for contestant in contestants():
        # The processes make images of their own, and run the same pipeline as the one in tf.data.
        if contestant.name.startswith("floor") or "process" in contestant.title:
            continue
        try:
            runner = contestant.build(source)
        except Skipped:
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


def run(folder: Path, out: Path) -> None:
    """Write out/pictures_POLICY.png for every policy."""
    paths = sorted(folder.rglob("*.jpg"))
    for policy in work.POLICIES:
        case = work.Case(policy, work.BASE, 128)
        one = work.photograph(paths[0], case.size) if paths else work.images(case)[0]
        # The same one in the whole batch: differences are the augmentation's.
        source = Source(case, np.repeat(one[None], case.batch, axis=0))
        target = out / f"pictures_{policy}.png"
        sheet(source, target)
        print(target)
