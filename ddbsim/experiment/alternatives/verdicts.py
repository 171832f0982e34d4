"""What comparisons of bills share: which of them may be chosen, which are equal, and how money is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from ddbsim.analysis.keeping_up import DOES_NOT, KEEPS_UP, TOO_SHORT, Verdict

__all__ = [
    "FAILS",
    "LOSES",
    "ROUNDING_USD",
    "Judgement",
    "is_lower_bound",
    "listed",
    "percent",
    "same_usd",
    "usd",
    "worst",
]

Judgement: TypeAlias = Verdict | Literal["loses records", "every invocation fails"]

LOSES: Final = "loses records"
FAILS: Final = "every invocation fails"
#: Bills that differ by less are shown alike, and so are alike.
ROUNDING_USD: Final = 0.005

# the worst first
_ORDER: Final[tuple[Judgement, ...]] = (FAILS, DOES_NOT, LOSES, TOO_SHORT, KEEPS_UP)


def worst(judgements: Sequence[Judgement]) -> Judgement:
    """Return the worst of the judgements of some mappings.

    Examples
    --------
    >>> worst(["keeps up", "does not keep up", "loses records"])
    'does not keep up'
    """
    return min(judgements, key=_ORDER.index, default=KEEPS_UP)


def is_lower_bound(judgement: str) -> bool:
    """Whether a bill is that of less work than there was: the work left over would have cost more."""
    return judgement not in (KEEPS_UP, TOO_SHORT)


def same_usd(difference: float, low: float = math.nan, high: float = math.nan) -> bool:
    """Whether two bills are equal: their difference rounds to 0.00 USD, or its interval holds 0.

    Examples
    --------
    >>> same_usd(0.004), same_usd(4.36), same_usd(4.36, -1.0, 9.7)
    (True, False, True)
    """
    return abs(difference) < ROUNDING_USD or low <= 0.0 <= high


def usd(amount: float) -> str:
    """Return an amount as a sentence tells it.

    Examples
    --------
    >>> usd(819.11), usd(4.364), usd(9104.8)
    ('819 USD', '4.36 USD', '9,105 USD')
    """
    return f"{amount:,.0f} USD" if amount >= 100.0 else f"{amount:,.2f} USD"


def percent(share: float) -> str:
    """Return a share as per cent, with two digits where it is small.

    Examples
    --------
    >>> percent(0.0899), percent(0.000526), percent(0.44), percent(0.0)
    ('9 %', '0.053 %', '44 %', '0 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.01 or share == 0.0 else f"{100 * share:.2g} %"


def listed(names: Sequence[str], word: str = "and") -> str:
    """Return names as a sentence lists them.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")
    ('a', 'a and b', 'a, b or c')
    """
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
