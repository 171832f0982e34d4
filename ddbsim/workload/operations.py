"""How many of the writes insert, modify, remove, or change nothing.

What a write turns out to do depends on whether its item exists. So a write is drawn as an intent, and the mix sets the
odds of the intents such that what comes of them (`ddbsim.workload.chains`) has the shares that were asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddbsim.randomness import RandomStreams
from ddbsim.workload.columns import CONDITION_FAILED, NO_OP, Operations

from .checks import finite_number

__all__ = ["CREATE", "FLIP", "IDLE", "PUT", "OperationMix"]

# Intents: modify or else insert; remove or else insert; leave as it is; make a brand-new item
PUT, FLIP, IDLE, CREATE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationMix:
    """The shares of the writes that insert, modify, remove and change nothing.

    Parameters
    ----------
    insert, modify, remove, no_op, condition_failed
        Shares of the writes, 0..1, that sum to 1. `remove` may not exceed `insert`: a table that loses more items than
        it gains runs empty. What `insert` has over `remove` makes brand-new items, each written once; the other
        inserts put removed items back. A write whose condition fails changes nothing, and costs as much as one that
        does.
    existing
        The share of the items that exist at the start, 0..1. None: the share at which the mix holds from the first
        write on, 1 if nothing is removed. With another share the mix holds in the long run, when each item has been
        written a few times; until then a missing item is inserted where one that exists would be modified.
    """

    insert: float = 0.0
    modify: float = 1.0
    remove: float = 0.0
    no_op: float = 0.0
    condition_failed: float = 0.0
    existing: float | None = None

    def __post_init__(self) -> None:
        for name in ("insert", "modify", "remove", "no_op", "condition_failed", "existing"):
            if name != "existing" or self.existing is not None:
                value = finite_number(f"OperationMix: {name}", getattr(self, name), high=1.0)
                object.__setattr__(self, name, value)
        total = self.insert + self.modify + self.remove + self.idle
        if abs(total - 1) > 1e-9:
            raise ValueError(
                f"OperationMix: condition_failed, insert, modify, remove and no_op must sum to 1, got {total:g}"
            )
        if self.remove > self.insert:
            raise ValueError(f"OperationMix: remove must be <= insert ({self.insert:g}), got {self.remove:g}")

    @property
    def idle(self) -> float:
        """The share of the writes that change nothing."""
        return self.no_op + self.condition_failed

    @property
    def existing_at_start(self) -> float:
        """The share of the items that exist at the start, 0..1."""
        return self.existing_in_the_long_run if self.existing is None else self.existing

    @property
    def existing_in_the_long_run(self) -> float:
        """The share of the items that exist once each has been written a few times, 0..1."""
        return 1 / (1 + self.remove_if_there)

    @property
    def remove_if_there(self) -> float:
        """How likely a change of an existing item removes it.

        An item is then missing for a share q / (1 + q) of its changes, and as many of them are removals:
        q = remove / (remove + modify) makes that the share asked for.
        """
        return self.remove / (self.remove + self.modify) if self.remove else 0.0

    @property
    def always_there(self) -> bool:
        """Whether every item, once it is written, existed before and exists after (brand-new ones aside)."""
        return not self.remove and self.existing_at_start == 1

    def kinds(self, operation: Operations, streams: RandomStreams) -> Operations | None:
        """Return how each write came: some of those that change nothing are failed conditions; None if none is."""
        if not self.condition_failed:
            return None
        idle = np.flatnonzero(operation == NO_OP)
        kinds = np.zeros(len(operation), dtype=np.int8)
        failed = streams("writes.conditions").random(len(idle)) < self.condition_failed / self.idle
        kinds[idle[failed]] = CONDITION_FAILED
        return kinds

    def draw(self, n: int, rng: np.random.Generator) -> Operations:
        """Return what n writes intend, from one uniform number each."""
        if self.modify == 1:
            return np.full(n, PUT, dtype=np.int8)
        create = max(self.insert - self.remove, 0.0)
        changes = max(1 - create - self.idle, 0.0)
        put = changes * (1 - self.remove_if_there)
        uniform = rng.random(n)
        intents = (uniform >= put).astype(np.int8)
        intents += uniform >= changes
        intents += uniform >= 1 - create
        return intents
