"""The form of a fact: a value with its unit, its status and its origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ddbsim.checks.wording import shown

__all__ = ["Fact", "Limit", "Status", "facts_in"]

Status: TypeAlias = Literal["documented", "measured", "assumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number or rule about AWS that the model uses.

    Attributes
    ----------
    name
        Unique, snake_case, ending in the unit where it has one.
    value
        The default that the model takes.
    unit
        "s", "bytes", "records", ... or "" for a rule.
    status
        "documented" by AWS; "measured", on the real service, by whoever `source` names; "assumed" where nobody has
        published it: then it is a parameter of the scenario.
    source, date
        Where it stands, and the date of that text or measurement.
    meaning
        What it is, in one sentence.
    parameter
        The scenario's field that holds it ("EventSourceMapping.batch_size"), or "" where none does.
    """

    name: str
    value: Any
    unit: str
    status: Status
    source: str
    date: str
    meaning: str
    parameter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(Fact):
    """A fact with the range that the service accepts; `value` is the service's default."""

    low: float
    high: float
    also: tuple[float, ...] = ()

    def check(self, value: float, *, where: str = "", whole: bool = True) -> None:
        """Raise ValueError, saying what is allowed, unless the service would accept `value`."""
        # bool is an int, and would pass as 0 or 1
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and value in self.also:
            return
        # the range first: an infinity is no int, and a whole number of 400 digits no float
        if not number or not self.low <= value <= self.high or (whole and value != int(value)):
            kind = "a whole number in " if whole else ""
            also = "".join(f" or {extra:g}" for extra in self.also)
            prefix = f"{where}: " if where else ""
            raise ValueError(f"{prefix}{self.name} must be {kind}{self.low:g}..{self.high:g}{also}, got {shown(value)}")


def facts_in(names: Iterable[Any]) -> list[Fact]:
    """Return the facts among a module's values, in the order they stand there."""
    return [value for value in names if isinstance(value, Fact)]
