"""What was measured, as a table for the terminal, Markdown for docs/performance.md, JSON and a picture (SVG).

Must never: leave out a row because of what it says.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from rich.table import Table

OURS: Final = "Pillarbox"
THEIRS: Final = "Dovecot"
"""mdbox, its quickest store; what ratios are about."""
SCALE: Final = {"ms": 1e3, "us": 1e6, "KiB": 1.0, "s": 1.0}


@dataclass(slots=True)
class Row:
    """One figure by server: seconds (or KiB) of every round, CPU seconds of the server's processes and the client."""

    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    cpu_seconds: dict[str, list[float]] = field(default_factory=dict)
    client_seconds: dict[str, list[float]] = field(default_factory=dict)
    wall_seconds: dict[str, list[float]] = field(default_factory=dict)

    def median(self, server: str) -> float | None:
        values = self.values.get(server)
        return statistics.median(values) if values else None

    def ratio(self) -> float | None:
        """Ours by theirs: below 1 we are ahead. None where one of them has no figure."""
        ours, theirs = self.median(OURS), self.median(THEIRS)
        return None if ours is None or not theirs else ours / theirs

    def cpu_ratio(self) -> float | None:
        """The same for the CPU time that the server took for it, preparation included."""
        ours, theirs = self.cpu_seconds.get(OURS), self.cpu_seconds.get(THEIRS)
        if not ours or not theirs or sum(theirs) < 0.05:  # the kernel counts in hundredths
            return None
        return statistics.median(ours) / max(statistics.median(theirs), 1e-9)

    def shown(self, server: str) -> str:
        median = self.median(server)
        return "-" if median is None else f"{median * SCALE[self.unit]:,.1f} {self.unit}"

    def client_share(self) -> str:
        """How much of our time the client took itself: near 100 % it is the client that was measured."""
        if not self.wall_seconds.get(OURS):
            return ""
        return f"{sum(self.client_seconds[OURS]) / sum(self.wall_seconds[OURS]):.0%}"


def terminal(rows: dict[str, Row], servers: Sequence[str], title: str) -> Table:
    """Medians and ratios, in colours."""
    table = Table(title=title)
    table.add_column("figure", no_wrap=True)
    for name in (*servers, "ratio", "CPU", "client"):
        table.add_column(name, justify="right")
    for name, row in rows.items():
        cells = [row.shown(server) for server in servers]
        table.add_row(name, *cells, _coloured(row.ratio()), _plain(row.cpu_ratio()), row.client_share())
    return table


def markdown(rows: dict[str, Row], servers: Sequence[str]) -> str:
    """The same for a page; what is behind is bold."""
    lines = ["| figure | " + " | ".join(servers) + " | ratio | CPU |", "|---" * (len(servers) + 3) + "|"]
    for name, row in rows.items():
        ratio = row.ratio()
        shown = _plain(ratio) if ratio is None or ratio <= 1 else f"**{ratio:.2f}**"
        cells = [row.shown(server) for server in servers]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {shown} | {_plain(row.cpu_ratio())} |")
    return "\n".join(lines) + "\n"


def write_json(path: Path, rows: dict[str, Row]) -> None:
    """Every single measurement."""
    found = {
        name: {"unit": "KiB" if row.unit == "KiB" else "s", "values": row.values, "cpu_seconds": row.cpu_seconds}
        for name, row in rows.items()
    }
    path.write_text(json.dumps(found, indent=2) + "\n")


def picture(rows: dict[str, Row], title: str) -> str:
    """How many times better (to the right) or worse (to the left) than Dovecot, on a scale of powers of ten."""
    shown = [(name, 1 / ratio, row.unit) for name, row in rows.items() if (ratio := row.ratio())]
    reach = max(1.0, *(abs(math.log10(times)) for _, times, _ in shown)) if shown else 1.0
    left, width, height, middle = 370, 940, 22, 370 + 60
    scale = (width - middle - 140) / reach
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height * len(shown) + 60}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{left}" y="22" font-size="16" font-weight="bold" fill="#222">{escape(title)}</text>',
    ]
    for place, (name, times, unit) in enumerate(shown):
        y = 40 + height * place
        length = max(1.0, abs(math.log10(times)) * scale)
        start = middle if times >= 1 else middle - min(length, 55)
        colour = "#2e7d32" if times >= 1 else "#c62828"
        drawn = length if times >= 1 else min(length, 55)
        end = middle + 6 + (drawn if times >= 1 else 0)
        parts += [
            f'<text x="{left - 10}" y="{y + 14}" text-anchor="end" fill="#222">{escape(name)}</text>',
            f'<rect x="{start:.1f}" y="{y + 3}" width="{drawn:.1f}" height="{height - 7}" fill="{colour}"/>',
            f'<text x="{end:.1f}" y="{y + 14}" fill="#222">{_times(times, unit)}</text>',
        ]
    parts += [f'<line x1="{middle}" y1="36" x2="{middle}" y2="{40 + height * len(shown)}" stroke="#222"/>', "</svg>"]
    return "\n".join(parts) + "\n"


def growth_picture(sizes: Sequence[int], curves: Iterable[tuple[str, Sequence[float]]], title: str) -> str:
    """Milliseconds against messages, both in powers of ten; one line for each operation."""
    kept = [(name, points) for name, points in curves if all(point > 0 for point in points)]
    low = math.floor(min(math.log10(point * 1e3) for _, points in kept for point in points))
    high = math.ceil(max(math.log10(point * 1e3) for _, points in kept for point in points))
    width, height, left, bottom = 900, 480, 70, 430

    def place(size: int, seconds: float) -> tuple[float, float]:
        across = (math.log10(size) - math.log10(sizes[0])) / max(math.log10(sizes[-1] / sizes[0]), 1e-9)
        up = (math.log10(seconds * 1e3) - low) / (high - low)
        return left + across * 560, bottom - up * 380

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{left}" y="24" font-size="16" font-weight="bold" fill="#222">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        y = place(sizes[0], 10.0**power / 1e3)[1]
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + 560}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#222">{10.0**power:g} ms</text>')
    for size in sizes:
        x = place(size, 10.0**low / 1e3)[0]
        parts.append(f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle" fill="#222">{size:,}</text>')
    colours = (
        "#1565c0",
        "#2e7d32",
        "#c62828",
        "#6a1b9a",
        "#ef6c00",
        "#00838f",
        "#4e342e",
        "#455a64",
        "#ad1457",
        "#827717",
    )
    for number, (name, points) in enumerate(kept):
        at = [place(size, seconds) for size, seconds in zip(sizes, points, strict=True)]
        colour = colours[number % len(colours)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="650" y="{60 + 20 * number}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _times(times: float, unit: str) -> str:
    better, worse = ("less", "as much") if unit == "KiB" else ("as fast", "as slow")
    if times >= 1:
        return f"{times:,.0f} times {better}" if times >= 10 else f"{times:.1f} times {better}"
    return f"{1 / times:.1f} times {worse}"


def _plain(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}"


def _coloured(ratio: float | None) -> str:
    return "-" if ratio is None else f"[{'green' if ratio <= 1 else 'red'}]{_plain(ratio)}[/]"
