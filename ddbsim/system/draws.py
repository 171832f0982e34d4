"""Random numbers as the processes take them: one Python float at a time, drawn in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np

from ddbsim.distributions import Constant, Distribution

__all__ = ["draws"]

_BLOCK = 256


def draws(distribution: Distribution, rng: np.random.Generator) -> Iterator[float]:
    """Return an endless iterator over draws, made in blocks and handed out as Python floats."""
    if isinstance(distribution, Constant):
        return repeat(float(distribution.mean))
    return chain.from_iterable(distribution.sample(rng, _BLOCK).tolist() for _ in repeat(None))
