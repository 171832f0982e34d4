"""How far a widget's run reaches: what is scheduled in a scenario, what of it lies beyond, and the next longer run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from ddbsim.scenario import Scenario
from ddbsim.workload import WriteColumns

__all__ = ["Scheduled", "beyond", "longer", "scheduled", "with_length"]

# what a run beside the notebook may take: seconds, and a few hundred megabytes
_MOST_RECORDS = 4_000_000
_STEP = 5.0
# by class and field: what happens at that instant
_EVENTS = {
    ("Outage", "start_s"): "an outage",
    ("Outage", "end_s"): "the end of an outage",
    ("Split", "at_s"): "a split",
    ("BillingSwitch", "at_s"): "a billing switch",
    ("Suspension", "start_s"): "a suspension",
    ("Suspension", "end_s"): "the end of a suspension",
    ("EventSourceMapping", "created_s"): "the creation of a mapping",
    ("Stream", "disabled_s"): "the end of the stream",
    ("Steps", "times_s"): "a step in the rate",
    ("Spike", "at_s"): "a spike in the rate",
    ("Ramp", "at_s"): "a ramp of the rate",
}
# what lasts so long ends so much later
_LASTING = {("Spike", "at_s"): ("lasting_s", "the end of a spike"), ("Ramp", "at_s"): ("over_s", "the end of a ramp")}


@dataclass(frozen=True, slots=True, order=True)
class Scheduled:
    """An event that a scenario has at an instant.

    Attributes
    ----------
    at_s
        When, seconds.
    what
        What it is called in a sentence.
    """

    at_s: float
    what: str


def scheduled(scenario: Scenario) -> list[Scheduled]:
    """Return what is scheduled within a scenario, in the order of time; what holds from 0 s on is none of it.

    Examples
    --------
    >>> import ddbsim as ds
    >>> sale = ds.flash_sale(at_s=60, lasting_s=120)
    >>> [(one.at_s, one.what) for one in scheduled(ds.Scenario(workload=sale, duration_s=600))]
    [(60, 'a spike in the rate'), (180, 'the end of a spike')]
    """
    return sorted(one for one in set(_events(scenario)) if 0 < one.at_s < scenario.length_s)


def _events(config: Any) -> Iterator[Scheduled]:
    if not is_dataclass(config) or isinstance(config, WriteColumns):
        return
    kind = type(config).__name__
    for field in fields(config):
        value, place = getattr(config, field.name), (kind, field.name)
        if place in _EVENTS and value is not None:
            times = value if isinstance(value, tuple | list) else (value,)
            yield from (Scheduled(at_s, _EVENTS[place]) for at_s in times)
            if place in _LASTING:
                name, what = _LASTING[place]
                yield Scheduled(value + getattr(config, name), what)
        for part in value if isinstance(value, tuple | list) else (value,):
            yield from _events(part)


def beyond(whole: Scenario, shown_s: float) -> str:
    """Return a sentence on what is scheduled beyond what is shown; nothing if nothing is."""
    later = [one for one in scheduled(whole) if one.at_s >= shown_s]
    if not later:
        return ""
    rest = f", and {len(later) - 1} more after it" if len(later) > 1 else ""
    verb = "lie" if rest else "lies"
    return f"{later[0].what} at {later[0].at_s:,g} s{rest}, {verb} beyond the {shown_s:,g} s shown"


def longer(whole: Scenario, shown_s: float) -> Scenario | None:
    """Return the scenario over the next longer time; None where all of it, or as much as is run unasked, was run."""
    length_s = whole.length_s
    rate_per_s = whole.workload.expected_writes(length_s) * len(whole.mappings) / length_s
    most_s = min(length_s, max(float(round(_MOST_RECORDS / max(rate_per_s, 1e-9))), shown_s))
    return None if shown_s >= most_s else with_length(whole, min(shown_s * _STEP, most_s))


def with_length(whole: Scenario, length_s: float) -> Scenario:
    """Return the first so many seconds of a scenario, its warm-up in proportion."""
    if length_s >= whole.length_s:
        return whole
    return whole.until(length_s, warmup_s=min(whole.warmup_s, round(length_s / 10, 3)))
