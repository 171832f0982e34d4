"""The retry quota of the SDKs: a client that is refused too often stops trying again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddbsim.scenario import Retries

from .attempts import Attempts

__all__ = ["Quotas"]

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Quotas:
    """The tokens of each client.

    Parameters
    ----------
    policy
        Size of the quota, cost of a retry, attempts of a call.
    client
        Whose each request is.
    """

    def __init__(self, policy: Retries, client: Ints) -> None:
        self._policy, self._client = policy, client
        self._full = float(policy.quota)
        self._tokens = [self._full] * (int(client.max(initial=-1)) + 1)

    def succeed(self, request: slice) -> None:
        """Give back the tokens of first attempts that were all admitted."""
        self._gain(np.bincount(self._client[request], minlength=len(self._tokens)))

    def _gain(self, gained: npt.NDArray[np.integer]) -> None:
        full = self._full
        self._tokens = [min(had + more, full) for had, more in zip(self._tokens, gained.tolist(), strict=True)]

    def spend(self, admitted: Attempts, refused: Attempts, parent: Ints) -> tuple[Flags, Flags]:
        """Let each client, in the order of time, take tokens for its retries and get some back for its successes.

        Parameters
        ----------
        admitted
            Attempts that succeeded.
        refused
            Attempts that were refused, or will be if they are made: retries within the second.
        parent
            Place of the attempt that each of them is the retry of; -1 if it is made whatever comes.

        Returns
        -------
        (bool array, bool array)
            Which refused attempts were made, and which of them will be tried again.
        """
        first, count = len(admitted), len(refused)
        both = Attempts.joined([admitted, refused])
        client = self._client[both.request]
        gain = np.zeros(len(both), dtype=np.int64)
        gain[:first] = np.where(admitted.number == 1, 1, self._policy.retry_cost)
        order = np.lexsort((both.number, both.request, both.at_s, client))
        sums = np.cumsum(gain[order])
        # of each client's refused attempts in turn: what was given back since the one before
        turns = np.flatnonzero(order >= first)
        whose, places = client[order][turns], order[turns] - first
        gained = np.diff(sums[turns], prepend=0)
        starts = np.flatnonzero(np.diff(whose, prepend=-1))
        begins = np.searchsorted(client[order], whose[starts], side="left")
        gained[starts] = sums[turns[starts]] - np.where(begins > 0, sums[begins - 1], 0)
        made, again = self._in_turn(places, whose, gained, refused.number, parent)
        rest = np.bincount(client, weights=gain, minlength=len(self._tokens)).astype(np.int64)
        rest -= np.bincount(whose, weights=gained, minlength=len(self._tokens)).astype(np.int64)
        self._gain(rest)
        flags = np.frombuffer(made, dtype=np.bool_), np.frombuffer(again, dtype=np.bool_)
        assert len(flags[0]) == count
        return flags

    def _in_turn(
        self, places: Ints, whose: Ints, gained: Ints, number: Ints, parent: Ints
    ) -> tuple[bytearray, bytearray]:
        """Go through the refused attempts; what each client can still do depends on all that it did before."""
        made, again = bytearray(len(places)), bytearray(len(places))
        tokens, full, cost = self._tokens, self._full, self._policy.retry_cost
        goes_on = (number < self._policy.max_attempts)[places].tolist()
        rows = zip(places.tolist(), whose.tolist(), gained.tolist(), parent[places].tolist(), goes_on, strict=True)
        for place, client, more, before, may in rows:
            left = tokens[client] + more
            if left > full:
                left = full
            if before < 0 or again[before]:
                made[place] = 1
                if may and left >= cost:
                    again[place] = 1
                    left -= cost
            tokens[client] = left
        return made, again
