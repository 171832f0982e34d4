"""What a user's own handler met: why it failed, what came twice, what that changed, images that were not there."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ddbsim.log.reasons import Reason, sentence
from ddbsim.log.sentences import count_of

__all__ = ["HandlerReport"]

_MOST_REASONS_TOLD = 5


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HandlerReport:
    """What the handlers of a run met.

    Attributes
    ----------
    frame
        A row per record that a handler got: event_source_mapping, record_id, deliveries, outcome, changes_again
        (whether handing it the record once more, alone, after the run changes its `state`: True means that it is not
        idempotent; None where it came once, or where there is no state or a tumbling window).
    reasons
        event_source_mapping, function, error_type, error_message, error_line, invocations, first_s: why invocations
        failed, the most frequent first, how many did and when the first of them started, seconds.
    missing_images
        function, image, event_name, cause, times: images that a handler asked for and that were not there. The cause
        is "event" where such a change has none (a REMOVE has no NewImage, an INSERT no OldImage), else "view type".
    out_of_order
        event_source_mapping, item_id, times: items of which the handler worked through an older version again after
        a newer one (v2, v1, v2: what fails goes on from there, and what came behind it comes again), and how many such
        versions there were. It is seen how far the handler went through `event["Records"]`, not what it did.
    answers
        function, answer, times: answers that failed nothing and that nobody means.
    states
        By function, a copy of the handler's `state` as the run left it.
    """

    frame: pd.DataFrame
    reasons: pd.DataFrame
    missing_images: pd.DataFrame
    out_of_order: pd.DataFrame
    answers: pd.DataFrame
    states: dict[str, Any]

    @property
    def is_idempotent(self) -> bool:
        """Whether no record that came twice would change the state once more."""
        return not any(self.frame["changes_again"])

    def __str__(self) -> str:
        twice = self.frame[self.frame["deliveries"] > 1]
        tried = [changes for changes in twice["changes_again"] if changes is not None]
        lines = [
            f"{len(self.frame):,} records were handed over, {len(twice):,} of them more than once",
            f"processing one again changes the state for {sum(tried):,} of the {len(tried):,} that could be tried",
            *self._order(),
            *self._why(),
            *self._missing(),
            *(f"{count_of(times, 'answer')} of {name} {what}" for name, what, times in _rows_of(self.answers)),
        ]
        return "\n".join(lines)

    def _order(self) -> Iterator[str]:
        for label, items in self.out_of_order.groupby("event_source_mapping", sort=False).size().items():
            yield (
                f"{label} worked through an older version again after a newer one for {count_of(items, 'item')}: "
                "v2, v1, v2"
            )

    def _why(self) -> Iterator[str]:
        for label, _, *why, count, _ in _rows_of(self.reasons.head(_MOST_REASONS_TOLD)):
            yield f"{label}: {count_of(count, 'invocation')} failed with {sentence(Reason(*why))}"
        if (rest := len(self.reasons) - _MOST_REASONS_TOLD) > 0:
            yield f"{count_of(rest, 'further reason')}: see reasons"

    def _missing(self) -> Iterator[str]:
        images = self.missing_images.groupby(["function", "image", "cause"], sort=False)["times"].sum().reset_index()
        for function, image, cause, times in _rows_of(images):
            if cause == "event":
                kind = "an INSERT" if image == "OldImage" else "a REMOVE"
                yield f"{function} asked {times:,} times for {image} of {kind}, which has none"
            else:
                yield f"{function} asked {times:,} times for {image}, which the view type does not carry"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in str(self).splitlines())
        return lines + self.frame[self.frame["deliveries"] > 1].to_html(index=False, border=0, max_rows=20)


def _rows_of(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return zip(*(frame[name].tolist() for name in frame), strict=True)
