"""docs/benchmarks.md: the figures between two markers, whatever is around them left alone.

And docs/op-table.md. Both are made from the results' JSON alone.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from benchmarks import goals, plot, work

START = "<!-- generated from here: python -m benchmarks page -->"
END = "<!-- generated to here -->"
HERE = Path(__file__).parent

# Each table's columns, and how a cell is made from an entry of the results.
SPEED = {
    "contestant": "{title}",
    "images/s": "{images_per_second[median]:,.0f}",
    "spread": "{images_per_second[min]:,.0f}-{images_per_second[max]:,.0f}",
    "µs/image": "{microseconds:,.0f}",
    "cores": "{cores[median]:.1f}",
    "× floor": "{floors[median]:.2f}x ({floors[min]:.2f}-{floors[max]:.2f})",
    "augreg is faster by": "{ahead[median]:.2f}x ({ahead[min]:.2f}-{ahead[max]:.2f})",
}
FILES = {
    "end to end from JPEG files": "{title}",
    "images/s": "{images_per_second[median]:,.0f}",
    "spread": "{images_per_second[min]:,.0f}-{images_per_second[max]:,.0f}",
    "cores": "{cores[median]:.1f}",
    "of reading alone": "{share[median]:.2f}x ({share[min]:.2f}-{share[max]:.2f})",
}
APPLY = {
    "photographs to PNG files": "{title}",
    "outputs/s": "{images_per_second[median]:,.0f}",
    "spread": "{images_per_second[min]:,.0f}-{images_per_second[max]:,.0f}",
    "cores": "{cores[median]:.1f}",
    "of TensorFlow's": "{share[median]:.2f}x ({share[min]:.2f}-{share[max]:.2f})",
}
TRAINING = {
    "placement of full": "{title}",
    "ms/step": "{step_ms[median]:.1f}",
    "spread": "{step_ms[min]:.1f}-{step_ms[max]:.1f}",
    "images/s": "{images_per_second[median]:,.0f}",
    "cores": "{cores[median]:.1f}",
    "× no augmentation": "{floors[median]:.2f}x",
}
COMMANDS = {
    "command": "{title}",
    "seconds": "{whole[median]:.2f}",
    "spread": "{whole[min]:.2f}-{whole[max]:.2f}",
    "at most": "{most:g}",
    "": "{verdict}",
}
WAITS = {
    "seconds of a dataset": "{title}",
    "building it": "{building[median]:.2f}",
    "first batch": "{first[median]:.2f} ({first[min]:.2f}-{first[max]:.2f})",
    "at most": "{most:g}",
    "": "{verdict}",
    "another iterator": "{again[median]:.2f} ({again[min]:.2f}-{again[max]:.2f})",
}
SMALL = {
    "ms an image of full, in batches of": "{title}",
    **{str(size): f"{{batch_{size}[median]:.2f}}" for size in work.SMALL},
    "one over 32": "{single:.1f}x",
}
MEMORY = {
    "full, augment_dataset": "{size}x{size}, batches of {batch}",
    "µs/image": "{microseconds[median]:,.0f}",
    "spread": "{microseconds[min]:,.0f}-{microseconds[max]:,.0f}",
    "ns/pixel": "{nanoseconds_a_pixel[median]:.2f}",
}
OP_PEERS = {
    "op": "{name}",
    "augreg, µs/image": "{ours:,.0f}",
    "Albumentations": "{microseconds:,.0f}",
    "augreg is faster by": "{ahead[median]:.2f}x ({ahead[min]:.2f}-{ahead[max]:.2f})",
    "augreg, CPU µs/image": "{ours_cpu:,.0f}",
    "Albumentations, CPU": "{cpu:,.0f}",
}
OPS = {
    "op": "[{name}](ops.md#{name})",
    "lines": "{lines}",
    "images/s": "{images_per_second[median]:,.0f}",
    "× floor": "{floors[median]:.1f}",
    "reference, tf.data": "{reference}",
    "tf.data, layer": "{layer}",
}


def table(columns: Mapping[str, str], entries: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table, text to the left and figures to the right; empty where a key is missing."""
    lines = [[*columns], ["---", *["---:"] * (len(columns) - 1)]]
    for entry in entries:
        lines.append([_cell(form, entry) for form in columns.values()])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(form: str, entry: Mapping[str, Any]) -> str:
    try:
        return form.format(**entry)
    except KeyError:
        return ""


def joined(*parts: str) -> str:
    """Paragraphs, without those that are empty."""
    return "\n\n".join(part for part in parts if part)


def show(text: str) -> None:
    """Print Markdown as it stands on the page."""
    Console().print(Markdown(text))


def skipped(entries: Sequence[Mapping[str, Any]]) -> str:
    """Those who did not run, and why, as a list; empty where everyone did."""
    named = [entry for entry in entries if "skipped" in entry]
    return "\n".join(f"- {entry['title']}: {entry['skipped'].splitlines()[0]}." for entry in named)


def fastest_first(columns: Mapping[str, str], entries: Sequence[Mapping[str, Any]]) -> str:
    """A table of those who ran, and the list of those who did not."""
    ran = [entry for entry in entries if "skipped" not in entry]
    ran.sort(key=lambda entry: entry["microseconds"])
    return joined(table(columns, ran), skipped(entries))


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


def case_text(case: dict[str, Any]) -> str:
    """One policy at one size."""
    return joined(
        f"### {case['policy']}, {case['size']}×{case['size']}",
        f"{case['rounds']} rounds, batches of {case['batch']}.",
        fastest_first(SPEED, case["contestants"]),
    )


def speed_text(found: dict[str, Any]) -> str:
    """The goals that it measured, if any, and a table a case."""
    reached = goals.of_speed(found)
    asked = ("### The goals at 180×180", table(goals.COLUMNS, reached)) if reached else ()
    return joined(*asked, *map(case_text, found["cases"]))


def files_text(found: dict[str, Any]) -> str:
    """The end-to-end table and its goals."""
    return joined(
        f"{found['files']} photographs at their own sizes, read, decoded, resized to 180×180 and "
        "batched with their labels.",
        fastest_first(FILES, found["contestants"]),
        table(goals.COLUMNS, found["goals"]),
    )


def apply_text(found: dict[str, Any]) -> str:
    """What `apply` makes in a second, and how much of that is encoding."""
    about = (
        f"Photographs, {found['copies']} copies of each. The others only encode the same pixels, "
        "on all cores: TensorFlow at zlib's level 1, and augreg as `apply` does by default."
    )
    entries = found["contestants"]
    ran = [entry for entry in entries if "skipped" not in entry]
    return joined(about, table(APPLY, ran), skipped(entries))


def training_text(found: dict[str, Any]) -> str:
    """Where the augmentation goes: ms a step of 32 images, and the time over that without it."""
    about = "One training step of the tutorial's CNN on batches of 32 at 180×180."
    return joined(about, fastest_first(TRAINING, found["contestants"]))


def startup_text(found: dict[str, Any]) -> str:
    """How long one waits."""
    about = "Each in a process of its own; TensorFlow's import counts for commands only."
    parts = {"commands": COMMANDS, "policies": WAITS, "small": SMALL}
    tables = (
        joined(table(form, found[part]), skipped(found[part])) for part, form in parts.items()
    )
    return joined(about, *tables)


def memory_text(found: dict[str, Any]) -> str:
    """The memory line, and the cost by size and batch."""
    if "skipped" in found:
        return f"Not measured: {found['skipped']}"
    sizes = found["resident_mib"]
    return joined(
        f"{len(sizes) - 1},000 images of 180x180: {sizes[0]:.0f} MiB resident before the first, "
        f"{sizes[2]:.0f} after 2,000, {sizes[-1]:.0f} at the end, {max(sizes):.0f} at most.",
        table(MEMORY, [*found["by_size"], *found["by_batch"]]),
    )


def op_peers_text(found: dict[str, Any]) -> str:
    """A line an op, augreg's time and Albumentations' side by side."""
    about = (
        f"180×180, batches of 32, {found['rounds']} rounds: augreg in `augment_dataset`, "
        "Albumentations in two processes that keep what they make. *CPU* is processor time, of all "
        "threads and processes."
    )
    return joined(about, table(OP_PEERS, found["ops"]))


TEXTS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "speed": ("Images in memory", speed_text),
    "op_peers": ("Single ops beside Albumentations", op_peers_text),
    "files": ("End to end from JPEG files", files_text),
    "apply": ("From files to files", apply_text),
    "training": ("In tf.data or in the model", training_text),
    "startup": ("Start-up", startup_text),
    "memory": ("Linear cost, flat memory", memory_text),
}


def write(results: Path, target: Path) -> None:
    """Put what lies in `results` into `target`, with the plot beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    parts: list[str] = []
    for kind, (heading, text_of) in TEXTS.items():
        file = results / f"{kind}.json"
        if not file.exists():
            continue
        found = json.loads(file.read_text())
        if kind == "speed":
            picture = target.with_suffix(".png")
            plot.draw(found, picture)
            parts.append(f"![Images per second of every contestant and policy]({picture.name})")
        parts.append(joined(f"## {heading}", machine_text(found["machine"]), text_of(found)))
    text = (target if target.exists() else HERE / "page.md").read_text()
    if START not in text or END not in text:
        raise SystemExit(f"{target}: the lines {START!r} and {END!r} are missing; put them back")
    before, after = text.split(START)[0], text.split(END)[1]
    target.write_text(f"{before}{START}\n\n{joined(*parts)}\n\n{END}{after}")


def _apart(found: Mapping[str, float]) -> str:
    few = f" ({found['above']:.2%} above 1)" if found["above"] else ""
    return f"{found['levels']:.2g}{few}"


def ops_text(found: dict[str, Any]) -> str:
    """A line an op, by name."""
    entries = []
    for entry in found["ops"]:
        said = {key: _apart(entry[key]) for key in ("reference", "layer") if key in entry}
        entries.append({**entry, **said})
    return table(OPS, entries)


def write_ops(results: Path, target: Path) -> None:
    """The table of ops, from what lies in `results`."""
    found = json.loads((results / "ops.json").read_text())
    versions = {k: v for k, v in found["machine"]["versions"].items() if v != "not installed"}
    text = (HERE / "ops.md").read_text()
    machine = machine_text({**found["machine"], "versions": versions})
    floor = f"{found['floor']['median']:,.0f}"
    rounds, lines = found["rounds"], ops_text(found)
    target.write_text(text.format(machine=machine, floor=floor, rounds=rounds, table=lines))
