"""Charts as inline SVG. Colours are classes of the page's CSS, so that both themes have theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLORS = 8  # classes c0 to c7 of the page
_WIDTH, _HEIGHT = 460, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 28, 40
_CHARACTER = 7  # about the width of one


@dataclass(frozen=True)
class Curve:
    """A line of a chart: values at 1, 2, 3, ...; `color` counts the policies."""

    name: str
    values: Sequence[float]
    color: int
    dashed: bool = False


@dataclass(frozen=True)
class Span:
    """A row of `intervals`: a mean with its interval, if there is one."""

    name: str
    mean: float
    ends: tuple[float, float] | None
    color: int


def lines(title: str, found: Sequence[Curve], x_label: str) -> str:
    """A line chart."""
    last = max(len(line.values) for line in found)
    values = [value for line in found for value in line.values]
    ticks = _ticks(min(values), max(values))
    x = _Scale(1, max(last, 2), _LEFT, _WIDTH - _RIGHT)
    y = _Scale(ticks[0], ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<text class="title" x="{_LEFT}" y="16">{escape(title)}</text>']
    for tick in ticks:
        parts.append(_rule(_LEFT, y(tick), _WIDTH - _RIGHT, y(tick)))
        parts.append(_text(_LEFT - 6, y(tick) + 4, f"{tick:g}", "end"))
    for epoch in sorted({1, *_whole(last), last}):
        parts.append(_text(x(epoch), _HEIGHT - _BOTTOM + 16, str(epoch), "middle"))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(_text(middle, _HEIGHT - 6, x_label, "middle"))
    parts += [_path(line, x, y) for line in found]
    return _svg(title, _HEIGHT, parts)


def intervals(title: str, found: Sequence[Span], unit: str) -> str:
    """Means and their intervals, in rows, beside a line at 0."""
    values = [0.0, *(span.mean for span in found)]
    values += [end for span in found for end in span.ends or ()]
    ticks = _ticks(min(values), max(values))
    left = min(24 + _CHARACTER * max(len(span.name) for span in found), _WIDTH // 2)
    row = 28
    height = _TOP + row * len(found) + _BOTTOM
    x = _Scale(ticks[0], ticks[-1], left, _WIDTH - 2 * _RIGHT)
    bottom = height - _BOTTOM
    parts = [f'<text class="title" x="0" y="16">{escape(title)}</text>']
    for tick in ticks:
        parts.append(_rule(x(tick), _TOP, x(tick), bottom, "zero" if tick == 0 else "grid"))
        parts.append(_text(x(tick), bottom + 16, f"{tick:g}", "middle"))
    parts.append(_text((left + _WIDTH) / 2, height - 6, unit, "middle"))
    for i, span in enumerate(found):
        y, color = _TOP + row * (i + 0.5), f"c{span.color % COLORS}"
        parts.append(_text(left - 8, y + 4, span.name, "end"))
        if span.ends is not None:
            parts.append(_rule(x(span.ends[0]), y, x(span.ends[1]), y, f"interval {color}"))
        parts.append(f'<circle class="dot {color}" cx="{x(span.mean):.1f}" cy="{y:.1f}" r="5"/>')
    return _svg(title, height, parts)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    label = escape(title, quote=True)
    view = f"0 0 {_WIDTH} {height:g}"
    return f'<svg role="img" aria-label="{label}" viewBox="{view}">{"".join(parts)}</svg>'


def _path(line: Curve, x: _Scale, y: _Scale) -> str:
    points = [f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(line.values, start=1)]
    kind = f"line c{line.color % COLORS}" + " dashed" * line.dashed
    name = f"<title>{escape(line.name)}</title>"
    if len(points) == 1:
        px, py = points[0].split(",")
        return f'<circle class="dot {kind}" cx="{px}" cy="{py}" r="3">{name}</circle>'
    return f'<polyline class="{kind}" points="{" ".join(points)}">{name}</polyline>'


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


class _Scale:
    """A linear map from values to pixels."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self._low, self._start = low, start
        self._slope = (stop - start) / (high - low)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) * self._slope


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers, from below `low` to above `high`."""
    width = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(width / 4))
    step = next(power * n for n in (1, 2, 5, 10) if width / (power * n) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _whole(last: int) -> list[int]:
    """Some whole numbers up to `last`, which stands beside them."""
    step = max(1, round(last / 6))
    return [n for n in range(step, last, step) if last - n >= step / 2]
