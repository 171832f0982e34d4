"""Frames in, matplotlib Axes out; each takes `ax=` and never calls `plt.show`."""

from .lag import lag
from .latency import latency, waits
from .throughput import throughput
from .timeline import timeline
from .view_types import view_types

__all__ = ["lag", "latency", "throughput", "timeline", "view_types", "waits"]
