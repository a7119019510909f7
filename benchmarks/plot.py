"""The plot: images a second by policy, and the cost of `full` by size."""

from pathlib import Path
from typing import Any

from benchmarks.race import OURS, measured
from benchmarks.work import BASE

# augreg in one hue, the floor in gray, peers in what is left; the same in both panels.
COLOURS = {
    "floor": "#b0b0b0",
    "augreg": "#0b5fa5",
    "augreg_eager": "#6fb1e0",
    "keras_data": "#d1495b",
    "keras_model": "#e8a0aa",
    "tf_image": "#edae49",
    "albumentations_data": "#9c89b8",
    "albumentations_alone": "#66a182",
    "albumentations_2p": "#2e7d5b",
    "albumentations_2p_lut": "#a3c9a8",
    "keras_aug": "#c98b8f",
    "torchvision_2p": "#8d6b4f",
    "kornia": "#c2a383",
}


def _bars(axes: Any, cases: list[dict[str, Any]]) -> None:
    """Groups of bars with their spread, one group a policy."""
    names = [n for n in COLOURS if any(e["name"] == n for c in cases for e in c["contestants"])]
    height = 0.85 / max(1, len(names))
    for i, case in enumerate(cases):
        for j, name in enumerate(names):
            shown = measured(case, name)
            if shown is None:
                continue
            rate = shown["images_per_second"]
            middle = rate["median"]
            spread = [[middle - rate["min"]], [rate["max"] - middle]]
            at = i - 0.425 + (j + 0.5) * height
            axes.barh(at, middle, height, color=COLOURS[name], xerr=spread, error_kw={"lw": 0.7})
    axes.set_yticks(range(len(cases)), [case["policy"] for case in cases])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="images per second (log)", axisbelow=True)
    axes.grid(axis="x", which="both", alpha=0.25)


def _lines(axes: Any, cases: list[dict[str, Any]]) -> None:
    """Nanoseconds a pixel against the side: a level line is a linear cost."""
    ordered = sorted(cases, key=lambda case: case["size"])
    for name, colour in COLOURS.items():
        points = [
            (case["size"], 1e3 * shown["microseconds"] / case["size"] ** 2)
            for case in ordered
            if (shown := measured(case, name))
        ]
        if len(points) > 1:
            width = 2.5 if name == OURS else 1.2
            axes.plot(*zip(*points, strict=True), color=colour, marker="o", lw=width, ms=4)
    axes.set(xscale="log", xlabel="pixels a side", yscale="log", ylabel="nanoseconds a pixel (log)")
    sides = sorted({case["size"] for case in ordered})
    axes.set_xticks(sides, [str(side) for side in sides])
    axes.minorticks_off()
    axes.grid(alpha=0.25)


def draw(speed: dict[str, Any], target: Path) -> None:
    """Write the picture: bars at 180 pixels, and `full` over the sizes where there are more."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    sizes = {case["size"] for case in speed["cases"]}
    main = BASE if BASE in sizes else min(sizes)
    at_main = [case for case in speed["cases"] if case["size"] == main]
    full = [case for case in speed["cases"] if case["policy"] == "full"]
    panels = 2 if len(full) > 1 else 1
    figure = Figure(figsize=(4 + 4 * panels, 7), layout="constrained")
    axes: Any = figure.subplots(1, panels, squeeze=False, width_ratios=(3, 2)[:panels])[0]
    _bars(axes[0], at_main)
    axes[0].set_title(f"{main}×{main}, {speed['machine']['cores']} cores", loc="left")
    if panels > 1:
        _lines(axes[1], full)
        axes[1].set_title("full, by size", loc="left")
    titles = {e["name"]: e["title"] for c in speed["cases"] for e in c["contestants"]}
    handles = [Patch(color=COLOURS[n], label=titles[n]) for n in COLOURS if n in titles]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(target, dpi=110)
