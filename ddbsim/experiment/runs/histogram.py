"""A histogram of latencies that adds up: what pools the records of many runs without keeping them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Histogram"]

Floats = npt.NDArray[np.float64]

_LEAST_S = 1e-4
_PER_DECADE = 400  # bins 0.58 % wide: what a quantile read off may be wrong by
_BINS = 10 * _PER_DECADE  # up to 1e6 s; below and above, the end bins


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of latencies in bins of equal ratio.

    Attributes
    ----------
    first
        Number of the first bin kept.
    counts
        Counts of that bin and those that follow, int64; no bin at either end is empty.
    """

    first: int
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, latency_s: Floats) -> Histogram:
        """Return the histogram of latencies, seconds >= 0."""
        with np.errstate(divide="ignore"):
            place = np.log10(latency_s / _LEAST_S) * _PER_DECADE
        counts = np.bincount(np.clip(place, 0, _BINS - 1).astype(np.int64), minlength=1)
        return cls._trimmed(0, counts)

    @classmethod
    def _trimmed(cls, first: int, counts: npt.NDArray[np.int64]) -> Histogram:
        filled = np.flatnonzero(counts)
        if not len(filled):
            return cls(0, np.zeros(0, dtype=np.int64))
        return cls(first + int(filled[0]), counts[filled[0] : filled[-1] + 1].astype(np.int64))

    @classmethod
    def sum_of(cls, several: list[Histogram]) -> Histogram:
        """Return the histogram of all the records of several."""
        counts = np.zeros(_BINS, dtype=np.int64)
        for one in several:
            counts[one.first : one.first + len(one.counts)] += one.counts
        return cls._trimmed(0, counts)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def quantile(self, q: float) -> float:
        """Return the latency below which a share `q` of the records lies, within 0.6 %; NaN without records.

        Examples
        --------
        >>> histogram = Histogram.of(np.linspace(0.1, 1.0, 1_001))
        >>> round(histogram.quantile(0.5), 2)
        0.55
        """
        total = len(self)
        if not total:
            return float("nan")
        reached = np.cumsum(self.counts)
        place = int(np.searchsorted(reached, q * total))
        inside = (q * total - (reached[place] - self.counts[place])) / self.counts[place]
        return float(_LEAST_S * 10 ** ((self.first + place + inside) / _PER_DECADE))
