"""Writes that pass together or not at all: the transactions among them."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from ddbsim.workload import TRANSACTION, WriteColumns

__all__ = ["Transactions"]

Ints = npt.NDArray[np.int64]
Column = TypeVar("Column", bound=npt.NDArray[Any])


class Transactions:
    """Requests and their writes; a request is one write, or a transaction of several in a row.

    Parameters
    ----------
    writes
        In the order of their requests.

    Attributes
    ----------
    first
        The first write of each request; None if each write is a request of its own.
    """

    def __init__(self, writes: WriteColumns) -> None:
        self._rows = len(writes)
        self.first: Ints | None = None
        if writes.kind is not None and writes.request is not None and (writes.kind == TRANSACTION).any():
            goes_on = np.zeros(len(writes), dtype=np.bool_)
            goes_on[1:] = (np.diff(writes.request) == 0) & (writes.kind[1:] == TRANSACTION)
            self.first = np.flatnonzero(~goes_on)

    def __len__(self) -> int:
        return self._rows if self.first is None else len(self.first)

    def requests(self, first: int, last: int) -> tuple[int, int]:
        """Return the requests, from and up to, of the writes [first, last)."""
        if self.first is None:
            return first, last
        begin, end = np.searchsorted(self.first, (first, last), side="left").tolist()
        return begin, end

    def of_requests(self, column: Column) -> Column:
        """Return a column of writes as one of requests."""
        return column if self.first is None else cast("Column", column[self.first])

    def rows(self, request: Ints) -> tuple[Ints, Ints]:
        """Return the writes of requests, in their order, and for each the place of its request."""
        places = np.arange(len(request))
        if self.first is None:
            return request, places
        begin = self.first[request]
        size = np.append(self.first, self._rows)[request + 1] - begin
        owner = np.repeat(places, size)
        starts = np.cumsum(size) - size
        return begin[owner] + np.arange(len(owner)) - starts[owner], owner

    def spread(self, column: Column) -> Column:
        """Return a column of requests as one of writes."""
        if self.first is None:
            return column
        return cast("Column", np.repeat(column, np.diff(np.append(self.first, self._rows))))
