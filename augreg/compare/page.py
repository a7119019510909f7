"""report.html: one page that needs no other file and no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from augreg.compare import charts
from augreg.compare.results import Result, Results
from augreg.compare.student import CONFIDENCE

MOST_CLASSES = 20  # more, and a matrix is wider than a screen
_PAIRS = 15
_MINUS = "\N{MINUS SIGN}"
_CONFIDENT = f"{100 * CONFIDENCE:.0f} %"


def page(results: Results, strips: Mapping[str, bytes], settings: str) -> str:
    """The page.

    Args:
        results: of all policies.
        strips: a PNG of samples of each, by its name.
        settings: of all runs, as TOML.
    """
    run, names = results.reference.runs[0], [one.name for one in results.policies]
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    count = len(results.seeds)
    return template.substitute(
        title=escape(f"{', '.join(names[1:])} compared with {names[0]}"),
        about=escape(
            f"{run.data}, {run.model}: {run.samples['train']} training, "
            f"{run.samples['validation']} validation and {run.samples['test']} test images; "
            f"{count} seed{'s' * (count > 1)} of each policy. Runs of one seed start with the same "
            "weights and see the same images in the same order."
        ),
        accuracy=_accuracy(results),
        notes="".join(_note(note) for note in results.notes),
        seeds=_seeds(results),
        curves=_curves(results),
        samples="".join(_strip(name, png) for name, png in strips.items()),
        confusion="".join(_confusion(one, run.class_names) for one in results.policies),
        settings=f"<pre>{escape(settings)}</pre>{_versions(run.versions)}",
    )


def percent(share: float) -> str:
    """91.2 %."""
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """+1.2, in percentage points."""
    return f"{100 * difference:+.1f}".replace("-", _MINUS)


def between(interval: tuple[float, float] | None) -> str:
    """The ends of an interval, in percentage points."""
    return "" if interval is None else f"{points(interval[0])} to {points(interval[1])}"


def _accuracy(results: Results) -> str:
    reference = escape(results.reference.name)
    heads = [
        *("policy", "mean", "standard deviation", f"difference to {reference} (points)"),
        *(f"{_CONFIDENT} interval (points)", "result", "training images/s"),
    ]
    rows = []
    for number, one in enumerate(results.policies):
        found, rate = one.difference, one.images_per_second
        rows.append(
            _row(
                f'<span class="key c{number % charts.COLORS}"></span> {escape(one.name)}',
                percent(one.mean),
                "" if one.spread is None else percent(one.spread),
                "" if found is None else points(found.mean),
                "" if found is None else between(found.interval),
                "reference" if found is None else found.verdict,
                "" if rate is None else f"{rate:,.0f}",
            )
        )
    spans = [
        charts.Span(one.name, 100 * one.difference.mean, _hundredfold(one), number)
        for number, one in enumerate(results.policies)
        if one.difference is not None
    ]
    title = f"Mean difference to {results.reference.name}, with {_CONFIDENT} interval"
    chart = charts.intervals(title, spans, "percentage points of test accuracy")
    about = "Points are percentage points of test accuracy."
    return f'{_table(heads, rows)}<p class="about">{about}</p><figure>{chart}</figure>'


def _hundredfold(result: Result) -> tuple[float, float] | None:
    interval = None if result.difference is None else result.difference.interval
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def _note(text: str) -> str:
    kind = ' class="warning"' if text.startswith("Warning") else ""
    return f"<p{kind}>{escape(text)}</p>"


def _seeds(results: Results) -> str:
    rows = []
    for number, seed in enumerate(results.seeds):
        cells = [str(seed), *(percent(one.accuracies[number]) for one in results.policies)]
        for one in results.policies[1:]:
            assert one.difference is not None
            cells.append(points(one.difference.differences[number]))
        rows.append(_row(*cells))
    names = [escape(one.name) for one in results.policies]
    differences = [f"{name} {_MINUS} {names[0]} (points)" for name in names[1:]]
    return _table(["seed", *names, *differences], rows)


def _curves(results: Results) -> str:
    shown = []
    for column, unit, scale in (("loss", "", 1), ("accuracy", " (%)", 100)):
        found = [
            charts.Curve(
                f"{one.name}, {label}",
                [scale * value for value in one.curve(prefix + column)],
                number,
                dashed,
            )
            for number, one in enumerate(results.policies)
            for prefix, label, dashed in (("", "training", True), ("val_", "validation", False))
        ]
        title = f"{column.capitalize()}{unit} by epoch, mean over seeds"
        shown.append(f"<figure>{charts.lines(title, found, 'epoch')}</figure>")
    keys = ", ".join(
        f'<span class="key c{number % charts.COLORS}"></span> {escape(one.name)}'
        for number, one in enumerate(results.policies)
    )
    caption = "Dashed: training, on augmented images, while the weights change. Solid: validation."
    return f'<div class="charts">{"".join(shown)}</div><p>{keys}. {caption}</p>'


def _strip(name: str, png: bytes) -> str:
    data = base64.b64encode(png).decode()
    alt = escape(f"training samples of {name}", quote=True)
    return (
        f'<h3>{escape(name)}</h3><img class="strip" alt="{alt}" src="data:image/png;base64,{data}">'
    )


def _confusion(result: Result, names: Sequence[str]) -> str:
    title, matrix = f"<h3>{escape(result.name)}</h3>", result.confusion
    if matrix is None:
        return f"{title}<p>Not counted: batches were computed in slices.</p>"
    if len(names) > MOST_CLASSES:
        return title + _most_confused(matrix, names)
    rows = []
    for name, row in zip(names, matrix, strict=True):
        shares = [n / max(sum(row), 1) for n in row]
        cells = [
            f'<td style="--share:{share:.3f}">{n}</td>'
            for n, share in zip(row, shares, strict=True)
        ]
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    caption = "Rows: class. Columns: prediction. Test images, the sum over all seeds."
    heads = ["class", *(escape(name) for name in names)]
    return f'{title}{_table(heads, rows, "confusion")}<p class="about">{caption}</p>'


def _most_confused(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    pairs = [
        (n, names[i], names[j])
        for i, row in enumerate(matrix)
        for j, n in enumerate(row)
        if i != j and n
    ]
    pairs.sort(key=lambda pair: -pair[0])
    rows = [_row(escape(actual), escape(said), str(n)) for n, actual, said in pairs[:_PAIRS]]
    return _table(["class", "predicted as", "test images, all seeds"], rows)


def _versions(versions: Mapping[str, str]) -> str:
    return _table(["package", "version"], [_row(escape(k), escape(v)) for k, v in versions.items()])


def _table(heads: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    head = "".join(f"<th>{text}</th>" for text in heads)
    of_kind = f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide"><table{of_kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(name: str, *cells: str) -> str:
    return f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
