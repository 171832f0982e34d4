"""What a handler needs of a change, and how a view type serves it: directly, by a read-back, or not at all."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from ddbsim.aws import behaviour, limits
from ddbsim.distributions import Distribution, LogNormal, as_distribution
from ddbsim.workload import OPERATIONS

from .checks import check_choice, check_distribution, check_switch, take_numpy_numbers
from .table import ViewType

__all__ = [
    "AS_IT_IS_THEN",
    "EVENT_NAMES",
    "NEEDS",
    "TOLD",
    "Consistency",
    "EventName",
    "Need",
    "Needs",
    "ReadBack",
    "Served",
    "Way",
    "are_read_back",
    "as_needs",
    "images_needed",
    "needed_of",
    "read_back_events",
    "served",
    "ways",
]

Need: TypeAlias = Literal["keys", "new", "old", "both"]
NEEDS: tuple[Need, ...] = get_args(Need)
EventName: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)
Needs: TypeAlias = Need | dict[EventName, Need]
Served: TypeAlias = Literal["directly", "by a read-back", "not at all"]
Way: TypeAlias = Literal["directly", "by a read-back", "not at all", "no such image"]
Consistency: TypeAlias = Literal["eventual", "strong", "transactional"]

#: What a read-back gives, which is not the change itself.
AS_IT_IS_THEN: Final = "by a read-back, of the item as it is then"
#: How a way of serving is told to people.
TOLD: Final[dict[Way, str]] = {
    "directly": "directly",
    "by a read-back": AS_IT_IS_THEN,
    "not at all": "not at all",
    "no such image": "no such image",
}

_CARRIED: dict[ViewType, frozenset[str]] = {
    "KEYS_ONLY": frozenset(),
    "NEW_IMAGE": frozenset({"new"}),
    "OLD_IMAGE": frozenset({"old"}),
    "NEW_AND_OLD_IMAGES": frozenset({"new", "old"}),
}
_NEEDED: dict[Need, frozenset[str]] = {
    "keys": frozenset(),
    "new": frozenset({"new"}),
    "old": frozenset({"old"}),
    "both": frozenset({"new", "old"}),
}
# before an INSERT there was no item, after a REMOVE there is none
_EXISTS: dict[EventName, frozenset[str]] = {
    "INSERT": frozenset({"new"}),
    "MODIFY": frozenset({"new", "old"}),
    "REMOVE": frozenset({"old"}),
}
_IMAGES: dict[Need, str] = {"keys": "no image", "new": "the new image", "old": "the old image", "both": "both images"}
_WORST: tuple[Served, ...] = ("not at all", "by a read-back", "directly")


def as_needs(where: str, given: Any) -> Needs:
    """Return needs as a function keeps them: one word, or a word for each of INSERT, MODIFY and REMOVE.

    Parameters
    ----------
    where
        What the error calls them.
    given
        One word, or words by event name; an event that is not named needs "keys".

    Raises
    ------
    ValueError
        For another word, or another event name.

    Examples
    --------
    >>> as_needs("needs", {"MODIFY": "both", "REMOVE": "old"})
    {'INSERT': 'keys', 'MODIFY': 'both', 'REMOVE': 'old'}
    >>> as_needs("needs", {"INSERT": "new", "MODIFY": "new", "REMOVE": "new"})
    'new'
    """
    if not isinstance(given, Mapping):
        check_choice(where, given, NEEDS)
        word: Need = given
        return word
    for event, need in given.items():
        check_choice(f"{where}: an event name", event, EVENT_NAMES)
        check_choice(f"{where} of {event}", need, NEEDS)
    words: dict[EventName, Need] = {event: given.get(event, "keys") for event in EVENT_NAMES}
    return words if len(set(words.values())) > 1 else words["INSERT"]


def needed_of(needs: Needs, event: EventName) -> Need:
    """Return what a handler needs of one kind of change.

    Examples
    --------
    >>> needed_of("new", "REMOVE"), needed_of({"MODIFY": "both"}, "MODIFY"), needed_of({"MODIFY": "both"}, "REMOVE")
    ('new', 'both', 'keys')
    """
    return needs.get(event, "keys") if isinstance(needs, dict) else needs


def images_needed(needs: Needs, events: Collection[EventName]) -> str:
    """Return in words which images a handler needs of some kinds of changes.

    Examples
    --------
    >>> images_needed("both", ("MODIFY",)), images_needed({"MODIFY": "both", "REMOVE": "old"}, ("MODIFY", "REMOVE"))
    ('both images', 'both images of MODIFY and the old image of REMOVE')
    """
    if not isinstance(needs, dict):
        return _IMAGES[needs]
    return " and ".join(f"{_IMAGES[needed_of(needs, event)]} of {event}" for event in events)


def ways(needs: Needs, view_type: ViewType) -> dict[EventName, Way]:
    """Return how a view type gives a handler what it needs, by event name.

    Before an INSERT there is no old image and after a REMOVE no new one, under any view type: "no such image", where
    that is all that is needed. Of what there is, the table holds the present state only: a new image that is lacking
    can be read there, as the item is then; an old one cannot.

    Examples
    --------
    >>> ways("new", "KEYS_ONLY")
    {'INSERT': 'by a read-back', 'MODIFY': 'by a read-back', 'REMOVE': 'no such image'}
    >>> ways({"INSERT": "new", "MODIFY": "both", "REMOVE": "old"}, "OLD_IMAGE")
    {'INSERT': 'by a read-back', 'MODIFY': 'by a read-back', 'REMOVE': 'directly'}
    """
    return {event: _way(needed_of(needs, event), event, view_type) for event in EVENT_NAMES}


def _way(need: Need, event: EventName, view_type: ViewType) -> Way:
    needed = _NEEDED[need]
    wanted = needed & _EXISTS[event]
    if needed and not wanted:
        return "no such image"
    lacking = wanted - _CARRIED[view_type]
    if "old" in lacking:
        return "not at all"
    return "by a read-back" if lacking else "directly"


def served(needs: Needs, view_type: ViewType) -> Served:
    """Return how a view type gives a handler what it needs: as the worst served event, of images that exist.

    Examples
    --------
    >>> served("new", "KEYS_ONLY"), served("old", "KEYS_ONLY"), served("both", "OLD_IMAGE")
    ('by a read-back', 'not at all', 'by a read-back')
    >>> served({"INSERT": "new", "REMOVE": "old"}, "NEW_IMAGE")
    'not at all'
    """
    found = set(ways(needs, view_type).values())
    return next((way for way in _WORST if way in found), "directly")


def read_back_events(needs: Needs, view_type: ViewType) -> tuple[EventName, ...]:
    """Return the events whose records make the handler read the item.

    Examples
    --------
    >>> read_back_events("new", "KEYS_ONLY"), read_back_events({"INSERT": "new"}, "KEYS_ONLY")
    (('INSERT', 'MODIFY'), ('INSERT',))
    """
    return tuple(event for event, way in ways(needs, view_type).items() if way == "by a read-back")


def are_read_back(needs: Needs, view_type: ViewType, operation: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    """Return which records, given by their operations, make a handler with these needs read the item."""
    return np.isin(operation, [OPERATIONS.index(event) for event in read_back_events(needs, view_type)])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """How a handler reads the items that its records lack, before it works on them.

    Each record is read whose event needs a new image that the view type leaves out; a REMOVE has none, and no item. The
    time is waiting, so memory and noise do not change it. What is read is the item as it is then, which may be newer
    than the record.

    Parameters
    ----------
    consistency
        "eventual" (half a read unit per 4 KB), "strong" (1) or "transactional" (2).
    batched
        False: a GetItem per record, one after the other. True: the batch's distinct items, up to 100 per BatchGetItem
        (TransactGetItems if transactional), one request after the other.
    latency
        Seconds per request: a number or a distribution (assumed).

    Notes
    -----
    A BatchGetItem returns at most 16 MB and its rest as unprocessed keys; that is not simulated.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
    """

    consistency: Consistency = "eventual"
    batched: bool = False
    latency: float | Distribution = field(
        default_factory=lambda: LogNormal(
            median=behaviour.READ_BACK_MEDIAN_S.value, p99=behaviour.READ_BACK_P99_S.value
        )
    )

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_choice("ReadBack.consistency", self.consistency, get_args(Consistency))
        check_switch("ReadBack.batched", self.batched)
        check_distribution("ReadBack.latency", self.latency)

    def mean_s(self, reads: float) -> float:
        """Return how long the reads of so many distinct items take on average, one request after the other, seconds."""
        requests = math.ceil(reads / limits.BATCH_GET_ITEMS.value) if self.batched else reads
        return requests * as_distribution(self.latency).mean
