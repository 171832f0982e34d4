"""One random stream per purpose, keyed by name.

A purpose ("writes.arrivals", "function.indexer.duration/shard-3/lane-0") always gets the same draws for the same seed,
whatever else the scenario contains: a new shard, a slower function or another view type reshuffles nothing.
Differences between two runs with one seed are therefore differences of design, not luck (common random numbers).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

__all__ = ["RandomStreams", "Seed"]

Seed: TypeAlias = int | str | Sequence[int] | np.random.SeedSequence | np.random.Generator | None

# a number or several in brackets, then the keys of the seeds that were spawned from it
_WRITTEN = re.compile(r"([0-9]+|\[[0-9]+(?:, ?[0-9]+)*\])((?:/[0-9]+)*)")
_MOST_CHARACTERS = 60


class RandomStreams:
    """The random streams of one run.

    Parameters
    ----------
    rng
        A seed (int or `numpy.random.SeedSequence`), a seed as a Result has it ("7"; "7/2" for replication 2 of it),
        a `numpy.random.Generator` (from which one seed is drawn), or None for a seed from the operating system.

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> RandomStreams(7).replication(2).seed
    '7/2'
    >>> RandomStreams("7/2")("a").random() == RandomStreams(7).replication(2)("a").random()
    True
    """

    def __init__(self, rng: Seed = None) -> None:
        try:
            self._root = _root(rng)
        except (TypeError, ValueError):
            given = repr(rng)
            given = given if len(given) <= _MOST_CHARACTERS else given[:_MOST_CHARACTERS] + "..."
            raise ValueError(
                "rng must be a whole number >= 0, a numpy SeedSequence or Generator, a result's seed ('7', '7/2') or "
                f"None, got {given}"
            ) from None

    @property
    def root(self) -> np.random.SeedSequence:
        """The seed as numpy takes it."""
        return self._root

    @property
    def seed(self) -> str:
        """The seed, as one would type it to run again."""
        entropy = self._root.entropy
        # an array's own text has no commas
        words = [int(word) for word in entropy] if isinstance(entropy, Sequence | np.ndarray) else entropy
        return str(words) + "".join(f"/{word}" for word in self._root.spawn_key)

    def replication(self, number: int) -> RandomStreams:
        """Return the streams of an independent repetition of the run, the same for the same number."""
        spawned = np.random.SeedSequence(self._root.entropy, spawn_key=(*self._root.spawn_key, number))
        return RandomStreams(spawned)

    def __call__(self, purpose: str) -> np.random.Generator:
        """Return the stream of a purpose, from its beginning."""
        words = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], dtype=np.uint32)
        key = (*self._root.spawn_key, *(int(word) for word in words))
        return np.random.default_rng(np.random.SeedSequence(self._root.entropy, spawn_key=key))


def _root(rng: Any) -> np.random.SeedSequence:
    """Return a seed as numpy takes it; TypeError or ValueError where it is none."""
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(int(rng.integers(2**63)))
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, str):
        return _read(rng)
    if isinstance(rng, bool | np.bool_):
        raise TypeError
    return np.random.SeedSequence(rng)


def _read(text: str) -> np.random.SeedSequence:
    """Return the seed that `RandomStreams.seed` wrote."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError
    entropy, keys = found.groups()
    words = [int(word) for word in re.findall("[0-9]+", entropy)]
    return np.random.SeedSequence(
        words if entropy.startswith("[") else words[0], spawn_key=tuple(int(key) for key in keys.split("/")[1:])
    )
