"""One random stream per purpose, keyed by name.

A purpose ("writes.arrivals", "function.indexer.duration/shard-3/lane-0") always gets the same draws for the same seed,
whatever else the scenario contains: a new shard, a slower function or another view type reshuffles nothing.
Differences between two runs with one seed are therefore differences of design, not luck (common random numbers).
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np

__all__ = ["RandomStreams", "Seed"]

Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None


class RandomStreams:
    """The random streams of one run.

    Parameters
    ----------
    rng
        A seed (int or `numpy.random.SeedSequence`), a `numpy.random.Generator` (from which one seed is drawn),
        or None for a seed from the operating system.

    Raises
    ------
    ValueError
        If it is none of these.
    """

    def __init__(self, rng: Seed = None) -> None:
        if isinstance(rng, np.random.Generator):
            rng = int(rng.integers(2**63))
        try:
            self._root = rng if isinstance(rng, np.random.SeedSequence) else np.random.SeedSequence(rng)
        except (TypeError, ValueError):
            raise ValueError(
                f"rng must be a whole number >= 0, a numpy SeedSequence or Generator, or None, got {rng!r}"
            ) from None

    @property
    def root(self) -> np.random.SeedSequence:
        """The seed as numpy takes it."""
        return self._root

    @property
    def seed(self) -> str:
        """The seed, as one would type it to run again."""
        return str(self._root.entropy) + "".join(f"/{word}" for word in self._root.spawn_key)

    def replication(self, number: int) -> RandomStreams:
        """Return the streams of an independent repetition of the run, the same for the same number."""
        spawned = np.random.SeedSequence(self._root.entropy, spawn_key=(*self._root.spawn_key, number))
        return RandomStreams(spawned)

    def __call__(self, purpose: str) -> np.random.Generator:
        """Return the stream of a purpose, from its beginning."""
        words = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], dtype=np.uint32)
        key = (*self._root.spawn_key, *(int(word) for word in words))
        return np.random.default_rng(np.random.SeedSequence(self._root.entropy, spawn_key=key))
