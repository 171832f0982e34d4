"""What a function's answer means for its batch.

The rules of partial batch responses, as the service was recorded applying them (2025-11 and 2026-09): an answer without
failures succeeds; the lowest sequence number among the failures is the checkpoint; an identifier that is not in the
batch, is empty or missing fails the whole batch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ddbsim.aws import limits
from ddbsim.log.reasons import Reason, one_line

__all__ = [
    "NO_STATE",
    "StateError",
    "done_records",
    "is_too_large",
    "names_failures",
    "reported_places",
    "returned_state",
    "what_is_wrong",
]

NO_STATE: Final = Reason("NoWindowState", "the answer of a function with a tumbling window must have a state")
_REPORTED = Reason("ReportedItemFailures")


class StateError(ValueError):
    """A function of a tumbling window answered without a state."""


def names_failures(answer: Any) -> bool:
    """Whether an answer reports failures, of whatever records: only then has not all of its batch succeeded.

    Examples
    --------
    >>> [names_failures(answer) for answer in (None, {"batchItemFailures": []}, {"batchItemFailures": [{}]})]
    [False, False, True]
    """
    return isinstance(answer, dict) and answer.get("batchItemFailures") not in (None, [])


def done_records(answer: Any, sequence_numbers: Sequence[str]) -> int:
    """Return how many leading records of a batch are done by a partial batch response; all, if none failed.

    Parameters
    ----------
    answer
        What the handler returned.
    sequence_numbers
        Of the batch, in order.

    Examples
    --------
    >>> done_records({"batchItemFailures": [{"itemIdentifier": "102"}]}, ["101", "102", "103"])
    1
    >>> done_records(None, ["101"]), done_records({"batchItemFailures": [{"itemIdentifier": ""}]}, ["101"])
    (1, 0)
    """
    if not names_failures(answer):
        return len(sequence_numbers)
    failures = answer["batchItemFailures"]
    if not isinstance(failures, list):
        return 0
    places = {number: place for place, number in enumerate(sequence_numbers)}
    named = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    return min((places.get(name, 0) if isinstance(name, str) else 0) for name in named)


def what_is_wrong(answer: Any, sequence_numbers: Sequence[str]) -> Reason:
    """Return why a batch failed whose function named failures: as it should, or in a way that fails all of the batch.

    Examples
    --------
    >>> what_is_wrong({"batchItemFailures": [{"itemIdentifier": "9"}]}, ["101", "102"]).message
    "itemIdentifier '9' is no SequenceNumber of the batch"
    """
    failures = answer["batchItemFailures"]
    if not isinstance(failures, list):
        kind = type(failures).__name__
        return Reason("InvalidBatchItemFailures", f"batchItemFailures must be a list, got {kind}")
    numbers = set(sequence_numbers)
    return next((wrong for failure in failures if (wrong := _wrong(failure, numbers))), _REPORTED)


def _wrong(failure: Any, numbers: set[str]) -> Reason | None:
    if not isinstance(failure, dict) or "itemIdentifier" not in failure:
        return Reason("NoItemIdentifier", one_line(f"a failure must have the key itemIdentifier, got {failure!r}"))
    name = failure["itemIdentifier"]
    if name is None or name == "":
        return Reason("NoItemIdentifier", f"itemIdentifier must be a SequenceNumber of the batch, got {name!r}")
    if not isinstance(name, str) or name not in numbers:
        return Reason("UnknownItemIdentifier", one_line(f"itemIdentifier {name!r} is no SequenceNumber of the batch"))
    return None


def reported_places(answer: Any, sequence_numbers: Sequence[str]) -> set[int]:
    """Return which places of a batch an answer names as failed.

    Examples
    --------
    >>> reported_places({"batchItemFailures": [{"itemIdentifier": "102"}]}, ["101", "102"])
    {1}
    """
    failures = answer["batchItemFailures"]
    if not isinstance(failures, list):
        return set()
    named = [failure.get("itemIdentifier") for failure in failures if isinstance(failure, dict)]
    numbers = {name for name in named if isinstance(name, str)}
    return {place for place, number in enumerate(sequence_numbers) if number in numbers}


def returned_state(answer: Any) -> Any:
    """Return the state that a function of a tumbling window hands on.

    Raises
    ------
    StateError
        If there is none: the invocation counts as failed.
    """
    if not isinstance(answer, dict) or "state" not in answer:
        raise StateError(NO_STATE.message)
    return answer["state"]


def is_too_large(state: Any) -> bool:
    """Whether a state, as JSON, is over the service's limit: it then ends its window early."""
    return len(json.dumps(state, separators=(",", ":")).encode()) > int(limits.STATE_BYTES.value)
