"""A small SVG chart: how much memory, threads and descriptors the programs had over a run."""

from __future__ import annotations

from pathlib import Path

from bed import Load, Usage

WIDTH, HEIGHT, LEFT, GAP = 640, 120, 60, 44
COLOURS = {"C": "#1f77b4", "Go": "#2ca02c", "Python": "#ff7f0e"}
PANELS = {"MiB": "mib", "threads": "threads", "descriptors": "descriptors"}


def draw(loads: list[Load], path: Path) -> None:
    start = min(load.samples[0][0] for load in loads)
    length = max(load.samples[-1][0] for load in loads) - start
    height = len(PANELS) * (HEIGHT + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, load in enumerate(loads):
        colour = COLOURS[load.language]
        parts.append(f'<text x="{LEFT + 80 * number}" y="18" fill="{colour}">{load.language}</text>')
    for number, (title, name) in enumerate(PANELS.items()):
        parts += panel(loads, title, name, start, length, GAP + number * (HEIGHT + GAP))
    parts.append(f'<text x="{LEFT + WIDTH - 60}" y="{height - 8}">{length / 60:.1f} min</text></svg>')
    path.write_text("\n".join(parts) + "\n")


def panel(loads: list[Load], title: str, name: str, start: float, length: float, top: int) -> list[str]:
    def value(usage: Usage) -> float:
        return float(getattr(usage, name))

    most = 1.1 * max(value(usage) for load in loads for _, usage in load.samples)
    bottom = top + HEIGHT
    parts = [
        f'<path d="M{LEFT},{top}V{bottom}H{LEFT + WIDTH}" fill="none" stroke="#888"/>',
        f'<text x="4" y="{top + 10}">{most:.0f}</text><text x="4" y="{bottom}">0</text>',
        f'<text x="{LEFT + 4}" y="{top - 4}">{title}</text>',
    ]
    for load in loads:
        points = " ".join(
            f"{LEFT + WIDTH * (when - start) / length:.1f},{bottom - HEIGHT * value(usage) / most:.1f}"
            for when, usage in load.samples
        )
        line = f'fill="none" stroke="{COLOURS[load.language]}"'
        parts.append(f'<polyline points="{points}" {line}/>')
    return parts
