"""The table under load: buckets, throttling, retries, auto scaling, splits."""

from ddbsim.record.table import Admission, Requests

from .admission import admit
from .capacity.reads import refused_reads

__all__ = ["Admission", "Requests", "admit", "refused_reads"]
