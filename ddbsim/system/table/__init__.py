"""The table under load: buckets, throttling, retries, auto scaling, splits."""

from .admission import Admission, Requests, admit
from .capacity.reads import refused_reads

__all__ = ["Admission", "Requests", "admit", "refused_reads"]
