"""Frames in, matplotlib Axes out; each takes `ax=` and never calls `plt.show`."""

from .comparisons import differences, tornado
from .describe import describe
from .drain import drain
from .lag import lag
from .latency import latency, waits
from .solutions import pareto
from .sweeps import heat_map, interaction
from .table import partition_heat, table_capacity, throttles
from .throughput import concurrency, throughput
from .timeline import timeline
from .view_types import view_types
from .warmup import welch

__all__ = [
    "concurrency",
    "describe",
    "differences",
    "drain",
    "heat_map",
    "interaction",
    "lag",
    "latency",
    "pareto",
    "partition_heat",
    "table_capacity",
    "throttles",
    "throughput",
    "timeline",
    "tornado",
    "view_types",
    "waits",
    "welch",
]
