"""The reads by which a handler gets what its records lack: how many an invocation makes, and how long they take."""

from __future__ import annotations

from itertools import islice

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.distributions import as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Function
from ddbsim.system.draws import draws

__all__ = ["ReadBacks"]


class ReadBacks:
    """The read-backs of one lane's invocations.

    Parameters
    ----------
    function
        Its name, and how it reads.
    item_id
        Items of the lane's records, in lane order.
    read_back
        Which of the records make the function read their item; see `ddbsim.scenario.are_read_back`.
    streams, lane_name
        For the lane's own random stream.
    """

    __slots__ = ("_before", "_draws", "_items", "_per_request")

    def __init__(
        self,
        function: Function,
        item_id: npt.NDArray[np.int64],
        read_back: npt.NDArray[np.bool_],
        streams: RandomStreams,
        lane_name: str,
    ) -> None:
        self._before: list[int] = np.concatenate(([0], np.cumsum(read_back))).tolist()
        self._items: list[int] = item_id[read_back].tolist() if function.read_back.batched else []
        self._per_request = limits.BATCH_GET_ITEMS.value
        latency = as_distribution(function.read_back.latency)
        self._draws = draws(latency, streams(f"function.{function.name}.read_back/{lane_name}"))

    def seconds(self, first: int, last: int) -> float:
        """Return how long the reads for the lane's records [first, last) take, one request after the other."""
        begin, end = self._before[first], self._before[last]
        requests = end - begin
        if self._items:
            # a request takes each key once
            requests = -(-len(set(self._items[begin:end])) // self._per_request)
        return float(sum(islice(self._draws, requests)))
