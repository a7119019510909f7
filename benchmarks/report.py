"""Tables for the terminal, the same columns for everyone, fastest first."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import OURS


def times(value: Mapping[str, float] | None) -> str:
    """A ratio with its spread over the rounds: `2.1x (1.9-2.3)`."""
    if value is None:
        return ""
    return f"{value['median']:.2f}x ({value['min']:.2f}-{value['max']:.2f})"


def rows(case: Mapping[str, Any]) -> list[list[str]]:
    """Title, images/s, spread, microseconds an image, cores, × floor, augreg is ahead by."""
    measured = [entry for entry in case["contestants"] if "skipped" not in entry]
    measured.sort(key=lambda entry: entry["microseconds"])
    return [
        [
            entry["title"],
            f"{entry['images_per_second']['median']:,.0f}",
            f"{entry['images_per_second']['min']:,.0f}-{entry['images_per_second']['max']:,.0f}",
            f"{entry['microseconds']:,.0f}",
            f"{entry['cores']['median']:.1f}",
            times(entry.get("floors")),
            times(entry.get("ahead")),
        ]
        for entry in measured
    ]


HEADERS = (
    "contestant",
    "images/s",
    "spread",
    "µs/image",
    "cores",
    "× floor",
    "augreg is faster by",
)


def show_case(case: Mapping[str, Any], title: str, console: Console) -> None:
    """Print a case's table, and under it who was skipped and why."""
    table = Table(title=title, title_justify="left")
    for i, header in enumerate(HEADERS):
        table.add_column(header, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows(case):
        table.add_row(*row, style="bold" if row[0].startswith(OURS) else "")
    console.print(table)
    for entry in case["contestants"]:
        if "skipped" in entry:
            console.print(f"  {entry['title']}: {entry['skipped']}", style="dim", markup=False)


def show_plain(
    title: str, headers: tuple[str, ...], lines: list[list[str]], console: Console
) -> None:
    """Print any other table: text first, figures to the right."""
    table = Table(title=title, title_justify="left")
    for i, header in enumerate(headers):
        table.add_column(header, justify="left" if i == 0 else "right", no_wrap=i > 0)
    for line in lines:
        table.add_row(*line)
    console.print(table)
