"""What a result answers once its run is gone: what was asked of the run before it was pickled or saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ddbsim.log.events import TooLongAStoryError

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.items import Change

    from .handler_report import HandlerReport
    from .run import Run

__all__ = ["Answer", "Kept"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was answered, or why not.

    Attributes
    ----------
    value
        The answer; None if there is none.
    refusal
        The kind and the sentence of the error raised instead; None if there is an answer.
    """

    value: T | None = None
    refusal: tuple[str, str] | None = None

    @classmethod
    def to(cls, question: Callable[[], T]) -> Answer[T]:
        """Return the answer to a question that may be refused by a ValueError."""
        try:
            return cls(value=question())
        except ValueError as error:
            kind = TooLongAStoryError if isinstance(error, TooLongAStoryError) else ValueError
            return cls(refusal=(kind.__name__, str(error)))

    def given(self) -> T:
        """Return the answer, or raise the error again."""
        if self.refusal is not None:
            kind, told = self.refusal
            raise (TooLongAStoryError if kind == TooLongAStoryError.__name__ else ValueError)(told)
        assert self.value is not None
        return self.value


@dataclass(frozen=True, slots=True)
class Kept:
    """The answers of a run, for a result that is pickled; its frames are kept by the result."""

    story: Answer[pd.DataFrame]
    report: Answer[HandlerReport]
    of_items: tuple[Change, ...] | None

    @classmethod
    def of(cls, result: Run) -> Kept:
        """Return the answers of a result."""
        return cls(Answer.to(lambda: result.events), Answer.to(result.handler_report), result.changes)

    def __call__(self, name: str) -> Any:
        """Refuse: all frames were made before."""
        raise KeyError(name)

    def events(self) -> pd.DataFrame:
        """Return the story."""
        return self.story.given()

    def changes(self) -> tuple[Change, ...] | None:
        """Return what each write that the table took did to its item; None without real items."""
        return self.of_items

    def of_handlers(self) -> dict[str, Any]:
        """Return what the handlers met while the run was there."""
        report = self.report.given()
        return {field.name: getattr(report, field.name) for field in fields(report)}
