"""The core workloads of YCSB, the Yahoo! Cloud Serving Benchmark, as a stream sees them: their writes."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.workload.keys import UniformKeys, Zipfian
from ddbsim.workload.operations import OperationMix
from ddbsim.workload.writes import PoissonWrites

from .checks import finite_number, whole_number

__all__ = ["YCSB_MIXES", "YcsbMix", "ycsb"]

FIELDS, FIELD_BYTES = 10, 100  # field0 to field9; an attribute's size includes its name
THETA = 0.99


class YcsbMix(NamedTuple):
    """Shares of the operations of one core workload; they sum to 1."""

    read: float = 0.0
    update: float = 0.0
    insert: float = 0.0
    scan: float = 0.0
    read_modify_write: float = 0.0

    @property
    def write_share(self) -> float:
        """Writes per operation."""
        return self.update + self.insert + self.read_modify_write

    @property
    def read_share(self) -> float:
        """Reads per operation: those of one item, and of the items that are then written; no scans."""
        return self.read + self.read_modify_write


#: The mixes of the core workloads by name.
YCSB_MIXES: MappingProxyType[str, YcsbMix] = MappingProxyType(
    {
        "A": YcsbMix(read=0.5, update=0.5),
        "B": YcsbMix(read=0.95, update=0.05),
        "C": YcsbMix(read=1.0),
        "D": YcsbMix(read=0.95, insert=0.05),
        "E": YcsbMix(scan=0.95, insert=0.05),
        "F": YcsbMix(read=0.5, read_modify_write=0.5),
    }
)


@checked
def ycsb(workload: str, *, ops_per_s: float, records: int = 1_000, key_bytes: int = 36) -> PoissonWrites:
    """Return the writes of a core workload of YCSB, A to F.

    Only writes reach a stream: of `ops_per_s` operations, those of ``YCSB_MIXES[workload].write_share``. Its reads
    (``.read_share``) and scans take read capacity, which is not simulated here.

    ==== ========================== =============== ================================
    name operations                 writes per 100  written items
    ==== ========================== =============== ================================
    A    50 % reads, 50 % updates   50              Zipfian, theta 0.99
    B    95 % reads, 5 % updates    5               Zipfian, theta 0.99
    C    reads                      none            (refused: the stream stays empty)
    D    95 % reads, 5 % inserts    5               new ones; the reads go to the latest
    E    95 % scans, 5 % inserts    5               new ones
    F    50 % reads, 50 % updates   50              Zipfian, theta 0.99; each read first
         of what was just read
    ==== ========================== =============== ================================

    Parameters
    ----------
    workload
        "A", "B", "D", "E" or "F".
    ops_per_s
        Operations per second, reads included, >= 0; at random (Poisson).
    records
        Items at the start, >= 1: YCSB's recordcount.
    key_bytes
        The size of the key, name included, bytes, >= 1.

    Returns
    -------
    PoissonWrites
        Items are 10 fields of 100 bytes, their names and the key: 1,096 bytes, so that a write takes 2 write units.
        An update replaces one field, and leaves the size as it is.

    Raises
    ------
    ValueError
        For C, which writes nothing, and for values out of range.

    Notes
    -----
    From the paper (B. F. Cooper et al., "Benchmarking cloud serving systems with YCSB", SoCC 2010): the mixes of A to
    E, items of 10 fields of 100 bytes, and which choice of records each has, Zipfian over the records themselves.

    From the code of the program: F, theta 0.99, the fields' names, updates of a single field (writeallfields=false),
    and 1,000 records (recordcount, in the files workloada to workloadf).

    The program scrambles: it hashes the Zipfian ranks, so that hot records do not lie side by side. So it is here:
    item 0 is the hottest, and the table hashes every item onto its partitions. The program also draws the ranks from
    10 billion and lets several fall on one record, so that its hottest of 1,000 gets about 3.9 % of the updates; that
    is not in the paper, and not done here: 12.9 %.

    Examples
    --------
    >>> workload = ycsb("B", ops_per_s=2_000)
    >>> workload.rate_per_s, workload.mean_item_bytes
    (100.0, 1096.0)
    """
    name = workload.upper() if isinstance(workload, str) else workload
    if name not in YCSB_MIXES:
        raise ValueError(f"ycsb: workload must be one of {', '.join(YCSB_MIXES)}, got {shown(workload)}")
    mix = YCSB_MIXES[name]
    if not mix.write_share:
        raise ValueError(f"ycsb: workload must be one that writes, got {shown(workload)}: all its operations are reads")
    items = whole_number("ycsb: records", records, low=1)
    key_bytes = whole_number("ycsb: key_bytes", key_bytes, low=1)
    new = mix.insert / mix.write_share
    return PoissonWrites(
        rate_per_s=finite_number("ycsb: ops_per_s", ops_per_s) * mix.write_share,
        item_bytes=FIELDS * (len("field0") + FIELD_BYTES) + key_bytes,
        keys=UniformKeys(items=items) if new else Zipfian(items=items, theta=THETA),
        operations=OperationMix(insert=new, modify=1 - new),
        key_bytes=key_bytes,
    )
