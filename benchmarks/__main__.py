"""`python -m benchmarks`: see `--help`."""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

# Before TensorFlow starts: its start-up notices would bury the tables.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

PARTS = ("speed", "files", "startup", "memory", "training")
QUICK_PARTS = ("speed", "files")
DATA = Path("../shared/data/tf_flowers_sample")
PAGE = Path("docs/benchmarks.md")
OP_TABLE = Path("docs/op-table.md")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument(
        "part",
        nargs="?",
        default="all",
        choices=("all", *PARTS, "ops", "pictures", "page"),
        help="speed: images in memory; files: end to end from JPEG; startup; memory: flat memory "
        "and linear cost; training: where to put the augmentation; ops: size, speed and parity of "
        f"each op, not among all, written to {OP_TABLE}; pictures: what each contestant makes of "
        "one image; page: write the docs pages again from the results",
    )
    made.add_argument(
        "--quick", action="store_true", help="3 short rounds at 180 pixels, fewer peers"
    )
    made.add_argument("--rounds", type=int, help="turns for each contestant (7)")
    made.add_argument("--seconds", type=float, help="length of a turn (0.25)")
    made.add_argument("--policies", nargs="+", metavar="NAME", help="files in benchmarks/policies")
    made.add_argument("--sizes", nargs="+", type=int, metavar="N", help="pixels a side")
    made.add_argument(
        "--peers", nargs="+", metavar="NAME", help="only these contestants (see the JSON)"
    )
    made.add_argument("--every", action="store_true", help="every policy at every size")
    made.add_argument("--batch", type=int, help="images a batch (32)")
    made.add_argument("--data", type=Path, default=DATA, help="folder of JPEG files")
    made.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="for JSON, plot")
    made.add_argument("--docs", type=Path, help=f"page to write ({PAGE} after a whole run)")
    return made


def settings(options: argparse.Namespace) -> Any:
    """The speed run's settings: the quick or the whole run's, with what was given instead."""
    from dataclasses import replace

    from benchmarks.speed import QUICK, Settings

    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name in ("rounds", "seconds", "policies", "sizes", "peers", "batch")
        if (value := getattr(options, name)) is not None
    }
    return replace(QUICK if options.quick else Settings(), every=options.every, **given)


def measure(part: str, options: argparse.Namespace, console: Any) -> dict[str, Any]:
    """Run one part; each returns JSON values with `kind` and `machine`."""
    import importlib

    from benchmarks.machine import Others

    module = importlib.import_module(f"benchmarks.{part}")
    others = Others.now()
    if part == "speed":
        found = module.run(settings(options), console)
    elif part == "files":
        found = module.run(settings(options), options.data, console, tuple(options.peers or ()))
    elif part == "ops":
        found = module.run(options.rounds or 3, options.seconds or 0.25, console)
    else:
        found = module.run(options.quick, console)
    busy = others.cores()
    found["machine"]["others_cores"] = busy
    if busy > 0.1:
        console.print(f"Other programs kept {busy:.2f} cores busy: expect noise.", style="red")
    return dict(found)


def main() -> None:
    """Measure the parts asked for, save each as JSON, then write plot and page."""
    options = parser().parse_args()
    from rich.console import Console

    from benchmarks import ops, page

    console = Console()
    if options.part == "pictures":
        from benchmarks import pictures

        pictures.run(options.data, options.out, console)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    every = QUICK_PARTS if options.quick else PARTS
    parts = every if options.part == "all" else tuple({options.part} - {"page"})
    for part in parts:
        start = time.perf_counter()
        found = measure(part, options, console)
        target = options.out / f"{part}.json"
        target.write_text(json.dumps(found, indent=1) + "\n")
        console.print(f"{target}, {time.perf_counter() - start:.0f} s\n", style="dim")
    if options.part in ("ops", "page") and (options.out / "ops.json").exists():
        ops.write(options.out, OP_TABLE)
        console.print(f"{OP_TABLE}", style="dim")
    if options.part == "ops":
        return
    chosen = (options.quick, options.policies, options.sizes, options.peers, options.rounds)
    whole = options.part == "page" or (options.part == "all" and not any(chosen))
    docs = options.docs or (PAGE if whole else options.out / "benchmarks.md")
    page.write(options.out, docs)
    console.print(f"{docs} and the plot beside it", style="dim")


if __name__ == "__main__":
    main()
