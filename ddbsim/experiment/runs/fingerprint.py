"""A scenario's fingerprint: equal for scenarios that simulate the same, different for all others.

It is the key under which finished runs are kept, so it depends on contents alone: not on the process, the order of
fields in a file, the scenario's title or the place of a module. What a run depends on beside its scenario is in it too:
the contents of the files that it reads; the code of a handler with the globals and helpers that it reaches in the
user's modules; the versions of the libraries that make and measure its numbers (numpy, pandas, SimPy), and of those
that the handler uses. ddbsim's own version belongs to the store as a whole.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from ddbsim.workload import BatchedWrites, TransactedWrites, Workload

from .contents import Contents, NoFingerprintError
from .reached import is_own

__all__ = ["NoFingerprintError", "contents_of", "fingerprint"]


def fingerprint(*parts: Any) -> str:
    """Return 40 hexadecimal digits that tell the parts from all others.

    Raises
    ------
    NoFingerprintError
        If a part is an object of a kind whose contents are not known, or its code reaches one.

    Examples
    --------
    >>> import ddbsim as ds
    >>> first, second = (ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=1, name=n) for n in "ab")
    >>> fingerprint(first) == fingerprint(second)
    True
    """
    contents = Contents(_versions())
    try:
        for part in parts:
            contents.feed(part, "")
    except RecursionError:
        raise NoFingerprintError(
            "the scenario is nested too deeply to be told from others by its contents: leave store= out"
        ) from None
    return contents.digits


@cache
def _versions() -> str:
    return ", ".join(f"{library} {version(library)}" for library in ("numpy", "pandas", "simpy"))


def contents_of(workload: Workload) -> Any:
    """Return what equals that of another workload only if both draw the same writes; None if that cannot be known.

    Files are read anew: an edited one is another workload.
    """
    own = is_own(type(workload).__module__)
    if own and isinstance(workload, BatchedWrites | TransactedWrites):
        inner = contents_of(workload.workload)
        return None if inner is None else (type(workload), workload.size, inner)
    if own and type(workload).__eq__ is object.__eq__:
        # given writes may be many and never change: the object says it in no time
        return workload
    try:
        return fingerprint(workload)
    except (NoFingerprintError, OSError):
        return None
