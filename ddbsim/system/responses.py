"""What a function's answer means for its batch.

The rules of partial batch responses, as the service was recorded applying them (2025-11 and 2026-09): an answer without
failures succeeds; the lowest sequence number among the failures is the checkpoint; an identifier that is not in the
batch, is empty or missing fails the whole batch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ddbsim.aws import limits

__all__ = ["StateError", "done_records", "is_too_large", "names_failures", "returned_state"]


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


def returned_state(answer: Any) -> Any:
    """Return the state that a function of a tumbling window hands on.

    Raises
    ------
    StateError
        If there is none: the invocation counts as failed.
    """
    if not isinstance(answer, dict) or "state" not in answer:
        raise StateError("the answer of a function with a tumbling window must have a state")
    return answer["state"]


def is_too_large(state: Any) -> bool:
    """Whether a state, as JSON, is over the service's limit: it then ends its window early."""
    return len(json.dumps(state, separators=(",", ":")).encode()) > int(limits.STATE_BYTES.value)
