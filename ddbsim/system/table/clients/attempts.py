"""Attempts of requests, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Attempts"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Attempts:
    """When, of which request, and which of its attempts: 1 for the first."""

    at_s: npt.NDArray[np.float64]
    request: Ints
    number: Ints

    def __len__(self) -> int:
        return len(self.at_s)

    def pick(self, rows: Ints | npt.NDArray[np.bool_] | slice) -> Attempts:
        """Return some of them."""
        return Attempts(self.at_s[rows], self.request[rows], self.number[rows])

    def in_order(self) -> Attempts:
        """Return them by time, then by request."""
        return self.pick(np.lexsort((self.request, self.at_s)))

    @classmethod
    def joined(cls, parts: Sequence[Attempts]) -> Attempts:
        """Return all of several, one after the other."""
        return cls(
            np.concatenate([part.at_s for part in parts]),
            np.concatenate([part.request for part in parts]),
            np.concatenate([part.number for part in parts]),
        )

    @classmethod
    def of_rows(cls, rows: Sequence[tuple[float, int, int]]) -> Attempts:
        """Return rows of (at_s, request, number) as columns."""
        columns = np.array(rows, dtype=np.float64).reshape(-1, 3)
        return cls(columns[:, 0].copy(), columns[:, 1].astype(np.int64), columns[:, 2].astype(np.int64))
