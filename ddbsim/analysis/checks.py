"""The self-check: what must hold in the frames of any run, whatever the scenario."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import pandas as pd

from . import frame_checks as _frames
from . import metric_checks as _metrics
from . import reader_checks as _readers
from . import record_checks as _records
from .evidence import CHECKED_FRAMES, CheckInput, Violations

__all__ = ["CHECKED_FRAMES", "RULES", "CheckInput", "Rule", "check"]


class Rule(NamedTuple):
    """One thing that must hold, and the function that finds what contradicts it."""

    claim: str
    contradicted: Callable[[CheckInput], Violations]


#: What must hold, by the name of the check.
RULES: Final[dict[str, Rule]] = {
    "one state per record": Rule(
        "each consumer has one row for each record of the stream, in one known state", _records.one_state_per_record
    ),
    "consumers agree": Rule("a record is the same for each consumer", _records.consumers_agree),
    "records match": Rule("the records are those of the writes, and lie in their shards", _records.records_match),
    "at least once": Rule(
        "what was processed was delivered, and no record waits behind a later one of its item", _records.at_least_once
    ),
    "order per item": Rule(
        "the records of an item are first delivered in the order of its writes", _records.order_per_item
    ),
    "instants in order": Rule(
        "written, visible, received and completed follow each other within the run", _records.instants_in_order
    ),
    "sequence numbers rise": Rule(
        "sequence numbers rise within a shard and on into its children", _records.sequence_numbers_rise
    ),
    "no early loss": Rule(
        "nothing is lost before the retention unless an age or attempt limit says so", _records.no_early_loss
    ),
    "discards match the log": Rule(
        "the records given up are those that the drops tell of", _frames.discards_match_the_log
    ),
    "deliveries add up": Rule(
        "each delivery, and each end, of a record is that of an invocation", _frames.deliveries_add_up
    ),
    "one batch at a time": Rule("a lane starts no batch before its last one has ended", _frames.one_batch_at_a_time),
    "attempts follow": Rule(
        "the attempts of a batch are of the same records, on one lane, one after the other", _frames.attempts_follow
    ),
    "what ran is billed": Rule("init and duration are billed, rounded up to whole ms", _frames.what_ran_is_billed),
    "latency parts sum": Rule("the parts of each latency sum to it, and none is negative", _frames.latency_parts_sum),
    "Little's law": Rule("mean number in the system = rate x mean time in it", _records.littles_law),
    "metrics add up": Rule("the metrics are those of the other frames, by minute", _metrics.metrics_add_up),
    "readers see each record": Rule(
        "each reader that is not Lambda has each record once, as it is in the stream", _readers.readers_see_each_record
    ),
    "reads in order": Rule(
        "it reads a shard's records in their order, while they can be read", _readers.reads_in_order
    ),
    "reads add up": Rule("its calls brought what was read, minute by minute", _readers.reads_add_up),
    "sizes positive": Rule("records, batches and writes have sizes, and durations", _frames.sizes_positive),
}


def check(seen: CheckInput) -> pd.DataFrame:
    """Return whether the frames of a run agree with each other and with the rules of the service.

    Parameters
    ----------
    seen
        The frames; those of a saved run will do.

    Returns
    -------
    DataFrame
        check, ok, problems (rows that contradict it), detail (the first of them; what holds, if none does).
    """
    rows = []
    for name, rule in RULES.items():
        found = list(rule.contradicted(seen))
        problems = sum(finding.rows for finding in found)
        rows.append((name, not found, problems, found[0].first if found else rule.claim))
    return pd.DataFrame(rows, columns=["check", "ok", "problems", "detail"])
