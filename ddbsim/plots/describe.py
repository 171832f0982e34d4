"""What a plot shows, in words: for those who cannot see it, and for a cell beneath it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.checks.arguments import checked

from .axes import typed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

__all__ = ["describe"]

_MOST_BARS = 12


@checked
def describe(ax: Axes) -> str:
    """Return a text alternative of a plot: its title, its axes with units and range, and each labelled artist or map.

    Parameters
    ----------
    ax
        What any function of `ds.plots` returned, or axes of one's own.

    Returns
    -------
    str
        A line for the axes, and one for each line, band and group of bars, with the numbers that one would read off.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> _ = ax.plot([0, 1, 2], [3, 5, 4], label="shard 0")
    >>> _ = ax.set(title="Lag", xlabel="simulated time (s)", ylabel="seconds behind", xlim=(0, 2), ylim=(0, 6))
    >>> print(describe(ax))
    Lag. Across: simulated time (s), 0 to 2. Up: seconds behind, 0 to 6.
    Line "shard 0": from 3 at 0 to 4 at 2; least 3, most 5 at 1.
    """
    from matplotlib.collections import PathCollection, QuadMesh
    from matplotlib.container import BarContainer

    lines = [" ".join(filter(None, (_sentence(ax.get_title()), _axis("Across", ax, "x"), _axis("Up", ax, "y"))))]
    if any(text.get_text() == "nothing to show" for text in ax.texts):
        return f"{lines[0]} There is nothing to show."
    drawn = [line for one in (ax, *_twins(ax)) for line in one.lines if _named(line)]
    # a line of the other axis stands in this one's legend by an empty namesake
    known = {str(line.get_label()) for line in drawn if np.size(line.get_xdata())}
    lines += [_line(line) for line in drawn if np.size(line.get_xdata()) or str(line.get_label()) not in known]
    for collection in ax.collections:
        if isinstance(collection, QuadMesh):
            lines += _map(ax, collection)
        elif _named(collection):
            lines.append((_dots if isinstance(collection, PathCollection) else _band)(collection))
    groups: dict[str, list[BarContainer]] = {}
    for bars in ax.containers:
        if isinstance(bars, BarContainer) and _named(bars):
            groups.setdefault(str(bars.get_label()), []).append(bars)
    lines += [_bars(ax, label, group) for label, group in groups.items()]
    return typed("\n".join(filter(None, lines)))


def _twins(ax: Axes) -> list[Axes]:
    """Return the axes that stand in the same place, with a scale of their own."""
    siblings = ax.get_shared_x_axes().get_siblings(ax)
    return [other for other in siblings if other is not ax and other.bbox.bounds == ax.bbox.bounds]


def _named(artist: Any) -> bool:
    return not str(artist.get_label()).startswith("_")


def _sentence(text: str) -> str:
    return f"{text}." if text else ""


def _axis(direction: str, ax: Axes, which: str) -> str:
    """Return an axis with its unit and range, or with its names."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    low, high = sorted(ax.get_xlim() if which == "x" else ax.get_ylim())
    label = axis.get_label_text()
    names = _names(axis)
    if names:
        return f"{direction}: {', '.join(names.values())}."
    scale = ", logarithmic" if axis.get_scale() == "log" else ""
    return f"{direction}: {label or 'no label'}, {_number(low)} to {_number(high)}{scale}."


def _names(axis: Any) -> dict[float, str]:
    """Return the names that stand at the ticks of an axis of categories."""
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    formatter = axis.get_major_formatter()
    # categories have names that were given; numbers are formatted
    if type(formatter).__name__ != "StrCategoryFormatter" and not isinstance(formatter, FixedFormatter | FuncFormatter):
        return {}
    places = axis.get_majorticklocs()
    names = [text.replace("\n", " ") for text in formatter.format_ticks(places)]
    return {float(place): name for place, name in zip(places, names, strict=True) if name}


def _line(line: Line2D) -> str:
    x, y = (np.asarray(values, dtype=np.float64) for values in (line.get_xdata(), line.get_ydata()))
    known = ~np.isnan(y)
    x, y = x[known], y[known]
    label = line.get_label()
    if not len(y):
        return f'Line "{label}": no points.'
    if str(line.get_linestyle()) == "None":
        return f'Marks "{label}": {len(x)}, from {_number(x[0])} to {_number(x[-1])}.'
    if len(set(x.tolist())) == 1:
        return f'Line "{label}": at {_number(x[0])} across.'
    if line.axes is not None and line.get_transform() == line.axes.get_yaxis_transform(which="grid"):
        return f'Line "{label}": at {_number(y[0])} up.'
    most = int(np.argmax(y))
    return (
        f'Line "{label}": from {_number(y[0])} at {_number(x[0])} to {_number(y[-1])} at {_number(x[-1])}; '
        f"least {_number(y.min())}, most {_number(y[most])} at {_number(x[most])}."
    )


def _band(band: Any) -> str:
    points = [path.vertices for path in band.get_paths() if len(path.vertices)]
    if not points:
        return ""
    heights = np.concatenate(points)[:, 1]
    return f'Band "{band.get_label()}": between {_number(heights.min())} and {_number(heights.max())}.'


def _dots(dots: Any) -> str:
    x, y = np.asarray(dots.get_offsets(), dtype=np.float64).T
    if not len(x):
        return f'Marks "{dots.get_label()}": none.'
    across, up = (" to ".join(dict.fromkeys(map(_number, (values.min(), values.max())))) for values in (x, y))
    return f'Marks "{dots.get_label()}": {len(x)}, at {across} across and {up} up.'


def _map(ax: Axes, mesh: Any) -> Iterator[str]:
    """Yield each row of a map of colours, from the lowest up: its cells, or where there are many their extremes."""
    unit = mesh.colorbar.ax.get_ylabel() if mesh.colorbar else ""
    if unit:
        yield f"Colours: {unit}."
    corners = mesh.get_coordinates()
    across, up = ((edges[1:] + edges[:-1]) / 2 for edges in (corners[0, :, 0], corners[:, 0, 1]))
    columns, rows = (
        [names.get(float(place), _number(place)) for place in places]
        for names, places in ((_names(ax.xaxis), across), (_names(ax.yaxis), up))
    )
    for row, values in zip(rows, np.ma.filled(mesh.get_array().astype(np.float64), np.nan), strict=True):
        known = np.flatnonzero(~np.isnan(values))
        cells = [f"{_number(values[at])} at {columns[at]}" for at in known]
        if len(cells) > _MOST_BARS:
            least, most = (int(known[find(values[known])]) for find in (np.argmin, np.argmax))
            ends = f"known from {columns[known[0]]} to {columns[known[-1]]}"
            cells = [
                ends,
                f"least {_number(values[least])} at {columns[least]}, most {_number(values[most])} at {columns[most]}",
            ]
        yield f"Row {row}: {', '.join(cells) or 'nothing known'}."


def _bars(ax: Axes, label: str, group: list[BarContainer]) -> str:
    if len(group) > 1:
        # drawn one by one, as stretches of time
        edges = [
            edge for bars in group for bar in bars.patches for edge in (bar.get_x(), bar.get_x() + bar.get_width())
        ]
        return f'Bars "{label}": {len(group)}, between {_number(min(edges))} and {_number(max(edges))}.'
    return f'Bars "{label}": {", ".join(_each(ax, group[0]))}.'


def _each(ax: Axes, bars: BarContainer) -> Iterator[str]:
    """Yield the length of each bar, with the name of its place."""
    lying = bars.orientation == "horizontal"
    names = _names(ax.yaxis if lying else ax.xaxis)
    for bar in bars.patches[:_MOST_BARS]:
        start, width = (bar.get_y(), bar.get_height()) if lying else (bar.get_x(), bar.get_width())
        middle = start + width / 2
        # bars of several groups stand around the name of their place
        name = min(((abs(place - middle), name) for place, name in names.items()), default=(0.0, ""))[1]
        yield f"{name} {_number(bar.get_width() if lying else bar.get_height())}".strip()
    if len(bars.patches) > _MOST_BARS:
        yield f"and {len(bars.patches) - _MOST_BARS} more"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
