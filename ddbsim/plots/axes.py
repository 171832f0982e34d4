"""What every plot shares: axes to draw on, colours that everybody can tell apart, an empty figure that says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from ddbsim.checks.wording import closest, shown

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "axes",
    "by_mapping",
    "finish",
    "frame_of",
    "known",
    "legend_above",
    "legend_beside",
    "made_by",
    "plain",
    "styled",
    "typed",
]

# Okabe and Ito's palette, without its yellow (too faint on white) and with black last
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666", "#000000")


def axes(ax: Axes | None, *, size: tuple[float, float] = (8.0, 3.6)) -> Axes:
    """Return the given axes, or new ones at notebook size."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def frame_of(source: Any, method: str, needs: tuple[str, ...], **arguments: Any) -> pd.DataFrame:
    """Return a frame as it is if it has the columns that are needed, or what a Result's method of that name gives.

    Raises
    ------
    ValueError
        If it is neither: a frame of something else, a Scenario.
    """
    of = f"its {arguments['name']}" if method == "frame" else f"a frame of Result.{method}"
    if isinstance(source, pd.DataFrame):
        missing = [name for name in needs if name not in source]
        if missing:
            raise ValueError(f"a Result must be given, or {of}, got a frame without {', '.join(missing)}")
        return source
    if not hasattr(source, "stream_log"):
        raise ValueError(f"a Result must be given, or {of}, got {shown(source)}")
    frame: pd.DataFrame = getattr(source, method)(**arguments)
    return frame


def made_by(source: Any, function: str, kind: str) -> None:
    """Raise ValueError unless what is to be drawn is of the class that a function of the package returns."""
    if kind not in (cls.__name__ for cls in type(source).__mro__):
        raise ValueError(f"what {function} returns must be given, a {kind}, got {shown(source)}")


def known(what: str, name: str, names: Iterable[Any]) -> str:
    """Return a name that is one of those that there are, or raise ValueError that lists them."""
    there = list(dict.fromkeys(map(str, names)))
    if name not in there:
        raise ValueError(f"{what} must be one of {', '.join(there)}, got {shown(name)}{closest(name, there)}")
    return name


def by_mapping(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield each mapping's name (`plain`), colour and rows; the first mapping of a scenario is blue in every plot."""
    groups = frame.groupby("event_source_mapping", observed=True, sort=False)
    for number, (name, group) in enumerate(groups):
        yield plain(name), COLOURS[number % len(COLOURS)], group


def plain(name: object) -> str:
    """Return a name that somebody chose as matplotlib shows it: a dollar is no formula, and _x is in the legend."""
    text = str(name).replace("$", r"\$")
    # matplotlib leaves out what begins with an underscore; in front of it, a space without width
    return f"\u200b{text}" if text.startswith("_") else text


def typed(text: str) -> str:
    """Return a text with its names as somebody typed them, without what `plain` put in."""
    return text.replace(r"\$", "$").replace("\u200b", "")


def styled(kind: type[Artist], given: dict[str, Any], **usual: Any) -> dict[str, Any]:
    """Return the artist's usual properties, and over them those that the caller gave, whatever their alias."""
    from matplotlib.cbook import normalize_kwargs

    return usual | normalize_kwargs(given, kind)


def legend_above(ax: Axes, *, columns: int = 3) -> None:
    """Put the legend in rows above the curves, which fill the axes from 0 up."""
    count = len(ax.get_legend_handles_labels()[0])
    rows = -(-count // columns)
    ax.set_ylim(bottom=0, top=ax.get_ylim()[1] * (1.0 + 0.11 * rows))
    if count:
        ax.legend(frameon=False, loc="upper left", ncols=columns)


def legend_beside(ax: Axes) -> None:
    """Put the legend to the right of the axes, where what is drawn may be anywhere in them."""
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def finish(ax: Axes, *, title: str, xlabel: str, ylabel: str, empty: bool = False, legend: bool = True) -> Axes:
    """Label the axes, with units, and say so where there is nothing to see."""
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(alpha=0.25)
    if empty:
        ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center", color="#666666")
    elif legend and ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)
    return ax
