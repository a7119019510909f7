"""docs/benchmarks.md: the figures between two markers, whatever is around them left alone."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import files, goals, memory, plot, report, startup, training

START = "<!-- generated from here: python -m benchmarks page -->"
END = "<!-- generated to here -->"
TEMPLATE = Path(__file__).parent / "page.md"


def table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, text to the left and figures to the right."""
    heads = list(headers)
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell for cell in line) + " |" for line in lines)


def skipped(found: dict[str, Any]) -> str:
    """Those who did not run, and why, as a list; empty where everyone did."""
    listed = found["contestants"] if "contestants" in found else found["entries"]
    named = [e for e in listed if "skipped" in e]
    return "\n".join(f"- {e['title']}: {e['skipped'].splitlines()[0]}." for e in named)


def machine_text(described: dict[str, Any]) -> str:
    """Machine, versions and date as one paragraph."""
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    settings = "".join(f", `{k}={v}`" for k, v in described["environment"].items())
    commit = f", commit {described['commit']}" if described["commit"] else ""
    busy = described.get("others_cores")
    others = "" if busy is None else f" Other programs kept {busy:.2f} cores busy meanwhile."
    return (
        f"{described['date']}{commit}. {described['processor']}, {described['cores']} cores, "
        f"{described['memory_gib']} GiB, {described['system']}{settings}. {versions}.{others}"
    )


def speed_text(found: dict[str, Any]) -> str:
    """A table a case, and the goals under them."""
    parts = ["## Images in memory", machine_text(found["machine"])]
    goal_lines = goals.speed_rows(found)
    if goal_lines:
        parts += ["### The goals at 180×180", table(GOAL_HEADERS, goal_lines)]
    for case in found["cases"]:
        parts.append(f"### {case['policy']}, {case['size']}×{case['size']}")
        parts.append(f"{case['rounds']} rounds, batches of {case['batch']}.")
        parts += [table(report.HEADERS, report.rows(case)), skipped(case)]
    return "\n\n".join(part for part in parts if part)


def files_text(found: dict[str, Any]) -> str:
    """The end-to-end table and its goals."""
    about = (
        f"{found['files']} photographs at their own sizes, read, decoded, resized to "
        f"{files.SIDE}×{files.SIDE} and batched with their labels."
    )
    parts = ["## End to end from JPEG files", machine_text(found["machine"]), about]
    parts += [table(files.HEADERS, files.rows(found)), skipped(found)]
    parts.append(table(GOAL_HEADERS, goals.file_rows(found)))
    return "\n\n".join(part for part in parts if part)


def startup_text(found: dict[str, Any]) -> str:
    """How long one waits."""
    about = "Each in a process of its own; the first batch without the import of TensorFlow."
    shown = table(startup.HEADERS, startup.rows(found))
    parts = ["## Start-up", machine_text(found["machine"]), about, shown, skipped(found)]
    return "\n\n".join(part for part in parts if part)


def memory_text(found: dict[str, Any]) -> str:
    """Cost by size and batch, and the memory line."""
    parts = ["## Linear cost, flat memory", machine_text(found["machine"])]
    if "skipped" in found:
        return "\n\n".join([*parts, f"Not measured: {found['skipped']}"])
    return "\n\n".join([*parts, memory.said(found), table(memory.HEADERS, memory.rows(found))])


def training_text(found: dict[str, Any]) -> str:
    """Where the augmentation goes."""
    about = "One training step of the tutorial's CNN on batches of 32 at 180×180."
    parts = ["## In tf.data or in the model", machine_text(found["machine"]), about]
    parts += [table(training.HEADERS, training.rows(found)), skipped(found)]
    return "\n\n".join(part for part in parts if part)


GOAL_HEADERS = ("policy", "against", "goal", "measured", "")
TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "speed": speed_text,
    "files": files_text,
    "training": training_text,
    "startup": startup_text,
    "memory": memory_text,
}


def write(results: Path, target: Path) -> None:
    """Put what lies in `results` into `target`, with the plot beside it."""
    found = {
        kind: json.loads((results / f"{kind}.json").read_text())
        for kind in TEXTS
        if (results / f"{kind}.json").exists()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = [TEXTS[kind](found[kind]) for kind in TEXTS if kind in found]
    if "speed" in found:
        plot.draw(found["speed"], target.with_suffix(".png"))
        words = "Images per second of every contestant and policy"
        parts.insert(0, f"![{words}]({target.with_suffix('.png').name})")
    text = (target if target.exists() else TEMPLATE).read_text()
    if START not in text or END not in text:
        raise SystemExit(f"{target}: the lines {START!r} and {END!r} are missing; put them back")
    before, after = text.split(START)[0], text.split(END)[1]
    target.write_text(f"{before}{START}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")
