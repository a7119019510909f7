"""`python -m benchmarks`: see `--help`."""

import argparse
import importlib
import json
import time
from pathlib import Path
from typing import Any

from benchmarks import machine, page
from benchmarks.work import BASE, Settings

PARTS = ("speed", "files", "apply", "startup", "memory", "training", "op_peers")
QUICK_PARTS = ("speed", "files")
QUICK: dict[str, Any] = {"rounds": 3, "sizes": [BASE]}
PAGE = Path("docs/benchmarks.md")
OP_TABLE = Path("docs/op-table.md")


def parser() -> argparse.ArgumentParser:
    """The command line; what isn't given is left out, so that `Settings` has every default."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, argument_default=argparse.SUPPRESS
    )
    add = made.add_argument
    add(
        "part",
        nargs="?",
        default="all",
        choices=("all", *PARTS, "ops", "pictures", "page"),
        help="speed: images in memory; op_peers: single ops beside Albumentations'; files: end to "
        "end from JPEG; apply: to PNG files; startup; memory: flat memory and linear cost; "
        "training: where to put the augmentation; ops: size, speed and parity of each op, not "
        f"among all, written to {OP_TABLE}; pictures: what each contestant makes of one image; "
        "page: write the docs pages again from the results",
    )
    add("--quick", action="store_true", help="3 short rounds at 180 pixels, fewer peers")
    add("--rounds", type=int, help="turns for each contestant (7)")
    add("--seconds", type=float, help="length of a turn (0.25)")
    add("--policies", nargs="+", metavar="NAME", help="files in benchmarks/policies")
    add("--sizes", nargs="+", type=int, metavar="N", help="pixels a side")
    add("--peers", nargs="+", metavar="NAME", help="only these contestants (see the JSON)")
    add("--batch", type=int, help="images a batch (32)")
    add("--data", type=Path, help="folder of JPEG files")
    add("--out", type=Path, default=Path("build/benchmarks"), help="for JSON, plot")
    add("--docs", type=Path, default=None, help=f"page to write ({PAGE} after a whole run)")
    return made


def measure(part: str, settings: Settings, out: Path) -> None:
    """Run one part, which returns JSON values, show them, and save them with the machine's."""
    start, busy_cores, described = time.perf_counter(), machine.others(), machine.describe()
    made = importlib.import_module(f"benchmarks.{part}").run(settings)
    found = {"kind": part, "machine": described, "rounds": settings.rounds, **made}
    page.show(page.ops_text(found) if part == "ops" else page.TEXTS[part][1](found))
    busy = described["others_cores"] = busy_cores()
    if busy > 0.1:
        print(f"Other programs kept {busy:.2f} cores busy: expect noise.")
    (out / f"{part}.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"{out / part}.json, {time.perf_counter() - start:.0f} s\n")


def main() -> None:
    """Measure the parts asked for, save each as JSON, then write plot and page."""
    given = vars(parser().parse_args())
    part, out, docs = given.pop("part"), given.pop("out"), given.pop("docs")
    # There are many ops: three turns for each take four minutes.
    usual = QUICK if "quick" in given else {"rounds": 3} if part == "ops" else {}
    settings = Settings(**{**usual, **given})
    out.mkdir(parents=True, exist_ok=True)
    if part == "pictures":
        importlib.import_module("benchmarks.pictures").run(settings.data, out)
        return
    every = QUICK_PARTS if settings.quick else PARTS
    for name in every if part == "all" else {part} - {"page"}:
        measure(name, settings, out)
    if part in ("ops", "page") and (out / "ops.json").exists():
        page.write_ops(out, OP_TABLE)
        print(OP_TABLE)
    if part == "ops":
        return
    partial = {"quick", "policies", "sizes", "peers", "rounds"} & given.keys()
    whole = part == "page" or (part == "all" and not partial)
    docs = docs or (PAGE if whole else out / "benchmarks.md")
    page.write(out, docs)
    print(f"{docs} and the plot beside it")


if __name__ == "__main__":
    main()
