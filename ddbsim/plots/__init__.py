"""Frames in, matplotlib Axes out; each takes `ax=` and never calls `plt.show`."""

from .describe import describe
from .lag import lag
from .latency import latency, waits
from .throughput import concurrency, throughput
from .timeline import timeline
from .view_types import view_types

__all__ = ["concurrency", "describe", "lag", "latency", "throughput", "timeline", "view_types", "waits"]
