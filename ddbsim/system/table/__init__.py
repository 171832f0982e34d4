"""The table under load: buckets, throttling, retries, auto scaling, splits."""

from .admission import Admission, Requests, admit

__all__ = ["Admission", "Requests", "admit"]
