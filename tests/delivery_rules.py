"""Which batches a function gets of records some of which are bad: the rules of delivery as one recursive function.

After what the service was recorded doing; it shares nothing with the simulator. A lane's records go in batches; a batch
that fails is narrowed by what a partial response reports as done, else split in two where bisecting is on, else sent
again as it is, as often as retries allow; only then is it given up, and the rest goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Delivery", "Rules", "delivered"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A mapping's settings, and what its function does on a bad record: "raise", or "report" the first one."""

    batch_size: int
    retries: int
    bisects: bool
    takes_reports: bool
    function: str


@dataclass
class Delivery:
    """What becomes of a lane's records.

    Attributes
    ----------
    calls
        The batches that the function gets, in order.
    given_up
        (records, invocations, functionError) of each batch that is given up.
    done
        The records of batches, or of their first parts, that succeeded.
    stuck
        Whether the last call comes again for ever.
    """

    calls: list[list[int]] = field(default_factory=list)
    given_up: list[tuple[tuple[int, ...], int, str | None]] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    stuck: bool = False


def delivered(records: list[int], bad: set[int], rules: Rules) -> Delivery:
    """Return how the records of one lane, all of which are there from the start, are delivered."""
    delivery = Delivery()
    for first in range(0, len(records), rules.batch_size):
        _settle(records[first : first + rules.batch_size], bad, rules, delivery)
    return delivery


def _settle(batch: list[int], bad: set[int], rules: Rules, delivery: Delivery) -> None:
    if delivery.stuck:
        return
    delivery.calls.append(batch)
    reports = rules.function == "report"
    first = next((place for place, record in enumerate(batch) if record in bad), None)
    if first is None or (reports and not rules.takes_reports):
        delivery.done += batch
    elif reports and first > 0:
        delivery.done += batch[:first]
        _settle(batch[first:], bad, rules, delivery)
    elif rules.bisects and len(batch) > 1:
        middle = len(batch) // 2
        _settle(batch[:middle], bad, rules, delivery)
        _settle(batch[middle:], bad, rules, delivery)
    elif rules.retries < 0:
        delivery.stuck = True
    else:
        delivery.calls += [batch] * rules.retries
        delivery.given_up.append((tuple(batch), 1 + rules.retries, None if reports else "Unhandled"))
