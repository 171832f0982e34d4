"""What a run gives: frames, analyses on them, a summary. No live simulation inside; it can be pickled and saved."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ddbsim.checks.arguments import checked

from .kept import Kept
from .summary import Summary, summarize

if TYPE_CHECKING:
    from pathlib import Path


from .answers import Answers
from .run import FRAMES

__all__ = ["FRAMES", "Result"]


class Result(Answers):
    """The log of one run, as DataFrames, and what one asks of it.

    Made by `simulate` and `read_result`, not by hand.

    Attributes
    ----------
    scenario
        What was simulated.
    seed
        Type it as `rng` to have the same run again.
    ended_s
        Simulated time reached, seconds.
    simpy_events
        Events that SimPy processed.
    """

    @cached_property
    def summary(self) -> Summary:
        """What one looks at first; shown when a Result is the last line of a notebook cell."""
        return summarize(self)

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()

    def __repr__(self) -> str:
        return str(self.summary)

    @checked
    def to_parquet(self, folder: str | Path) -> None:
        """Save all frames and the scenario in a new folder, complete or not at all.

        Parameters
        ----------
        folder
            Must not exist, or be empty.

        Raises
        ------
        FileExistsError
            If the folder holds anything.
        """
        from .saving import write_result

        write_result(self, folder)

    def __getstate__(self) -> dict[str, Any]:
        made, kept = self._made | {name: self.frame(name) for name in FRAMES}, Kept.of(self)
        left_out = ("summary", "changes", "_keeping_up", "_reader_numbers")
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return state | {"_made": made, "_source": kept, "_report": None}
