"""SimPy's environment with appointments: events at an instant, not after a delay.

A delay is added to the present, and the sum is rounded: two lanes that are to act at one instant could then act in
either order. An appointment keeps the instant, and at one instant the first to make it acts first.
"""

from __future__ import annotations

from heapq import heappush

import simpy
from simpy.events import NORMAL

__all__ = ["Clock"]


class Clock(simpy.Environment):
    """The simulated clock of a run."""

    def at(self, instant_s: float) -> simpy.Event:
        """Return an event that happens at an instant, or now if that has passed."""
        event = simpy.Event(self)
        event._ok, event._value = True, None
        # what `Environment.schedule` does, but for the addition
        heappush(self._queue, (max(instant_s, self._now), NORMAL, next(self._eid), event))
        return event
