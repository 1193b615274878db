"""Charts as SVG: bars that are compared, and lines of growth."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH = 760
LABEL = 250  # Room for names at the left.
NUMBER = 110  # Room for figures at the right.
BAR = 15
COLOURS = ("#9aa5b1", "#c2410c", "#1d6fb8", "#4d7c0f", "#7e22ce", "#b45309", "#0f766e")


@dataclass(frozen=True)
class Bar:
    """One value, with its spread."""

    name: str
    value: float
    least: float
    most: float
    colour: int  # Bars of one kind have one colour.


@dataclass(frozen=True)
class Group:
    """Bars that are compared."""

    name: str
    bars: tuple[Bar, ...]


def text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}">'
        f"{escape(words)}</text>"
    )


def frame(height: float, parts: list[str]) -> str:
    """A picture on white, so that it can be read on a dark page too."""
    box = f'viewBox="0 0 {WIDTH} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" fill="#1f2933">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>", ""])


def bars(title: str, unit: str, groups: list[Group]) -> str:
    """Horizontal bars by group; each group has its own scale, since only those within it are compared."""
    parts = [text(10, 22, title, weight="bold", size=15), text(10, 40, unit, size=11)]
    y = 58.0
    for group in groups:
        parts.append(text(10, y + 11, group.name, weight="bold"))
        y += 18
        longest = max((bar.most for bar in group.bars), default=1.0) or 1.0
        for bar in group.bars:
            parts += one_bar(bar, y, (WIDTH - LABEL - NUMBER) / longest)
            y += BAR + 4
        y += 8
    return frame(y + 4, parts)


def one_bar(bar: Bar, y: float, scale: float) -> list[str]:
    """The bar is the median; the thin line goes from the least to the most."""
    middle = y + BAR / 2
    length = max(bar.value * scale, 1)
    return [
        text(LABEL - 8, y + 12, bar.name, "end"),
        f'<rect x="{LABEL}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" fill="{COLOURS[bar.colour]}"/>',
        f'<path d="M{LABEL + bar.least * scale:.1f} {middle:.1f}H{LABEL + bar.most * scale:.1f}" stroke="#1f2933"/>',
        text(LABEL + bar.most * scale + 6, y + 12, short(bar.value)),
    ]


def short(value: float) -> str:
    """Three figures are enough."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def lines(title: str, unit: str, steps: tuple[str, ...], series: dict[str, list[float | None]]) -> str:
    """One line for each name over steps that have the same distance."""
    top, bottom, left, right = 60.0, 260.0, 60.0, WIDTH - 230.0
    most = max((value for values in series.values() for value in values if value is not None), default=1.0) or 1.0
    parts = [text(10, 22, title, weight="bold", size=15), text(10, 40, unit, size=11)]
    xs = [left + (right - left) * i / max(len(steps) - 1, 1) for i in range(len(steps))]
    for x, step in zip(xs, steps, strict=True):
        parts.append(text(x, bottom + 18, step, "middle"))
    for share in (0.0, 0.5, 1.0):
        y = bottom - (bottom - top) * share
        parts.append(f'<path d="M{left} {y:.1f}H{right:.1f}" stroke="#d9dee3"/>')
        parts.append(text(left - 6, y + 4, short(most * share), "end"))
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [(x, bottom - (bottom - top) * v / most) for x, v in zip(xs, values, strict=True) if v is not None]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        if points:
            parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        legend = top + 18 * number
        parts.append(f'<rect x="{right + 20:.1f}" y="{legend - 9:.1f}" width="10" height="10" fill="{colour}"/>')
        parts.append(text(right + 36, legend, name))
    return frame(bottom + 34, parts)
