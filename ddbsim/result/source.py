"""Where a result takes what is more than arithmetic on its frames."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd

from ddbsim.items import Change

__all__ = ["Source"]


class Source(Protocol):
    """Where a result takes what is more than arithmetic on its frames: a run, what was kept of one, or a folder."""

    def __call__(self, name: str) -> pd.DataFrame:
        """Return a frame."""
        ...

    def events(self) -> pd.DataFrame:
        """Return the story."""
        ...

    def changes(self) -> tuple[Change, ...] | None:
        """Return what each write that the table took did to its item; None without real items."""
        ...

    def of_handlers(self) -> dict[str, Any]:
        """Return the parts of a `HandlerReport`."""
        ...
