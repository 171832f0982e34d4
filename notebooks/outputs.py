"""What a notebook printed against what it printed before: words must be the same, numbers nearly."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from nbformat import NotebookNode

__all__ = ["Difference", "differences", "same"]

# what changes with the machine, its clock or its memory, and so says nothing about the notebook
VOLATILE = (
    # how long `ds.solve` looked for its answer
    (re.compile(r"(settings screened unseen[^;]*); \d+ s\b"), r"\1; <wall clock>"),
    # an object without a text of its own
    (re.compile(r"\b0x[0-9a-f]{6,}"), "<address>"),
    # grows by itself
    (re.compile(r"\d+ of \d+ prices are known only from over a year ago[^\n]*"), "<age of the prices>"),
)
# numpy and libm of another machine may round otherwise
RELATIVE = 1e-4
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)


class Difference(NamedTuple):
    """One output that is not what it was; `before` or `now` is empty where there is none."""

    cell: int
    kind: str
    before: str
    now: str

    def __str__(self) -> str:
        return f"cell {self.cell}, {self.kind}\n--- committed\n{self.before or '(nothing)'}\n--- now\n{self.now or '(nothing)'}"


def differences(before: NotebookNode, now: NotebookNode) -> Iterator[Difference]:
    """Yield each output of a notebook that differs from the committed one.

    Streams and text/plain are compared by `same`; of pictures, HTML and other kinds only whether they are there.
    """
    for number, (old, new) in enumerate(zip(before.cells, now.cells, strict=True)):
        was, has = _outputs(old), _outputs(new)
        for kind in dict.fromkeys((*was, *has)):
            if kind not in was or kind not in has or not same(was[kind], has[kind]):
                yield Difference(number, kind, was.get(kind, ""), has.get(kind, ""))


def same(before: str, now: str) -> bool:
    """Return whether two texts have the same words, and numbers that differ by rounding at the most.

    Numbers with a decimal point may differ by one unit of their last place or by a ten-thousandth; whole numbers may
    not. Blanks count as one, as columns grow with their numbers.
    """
    before, now = _steady(before), _steady(now)
    if NUMBER.sub("#", before) != NUMBER.sub("#", now):
        return False
    return all(map(_near, NUMBER.findall(before), NUMBER.findall(now)))


def _outputs(cell: NotebookNode) -> dict[str, str]:
    """Return a cell's texts by kind; a kind that is no text stands for itself."""
    found: dict[str, str] = {}
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            found[output.name] = found.get(output.name, "") + output.text
        for kind, data in output.get("data", {}).items():
            found[kind] = found.get(kind, "") + (data if kind == "text/plain" else "there\n")
    return found


def _steady(text: str) -> str:
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return " ".join(text.split())


def _near(before: str, now: str) -> bool:
    if before == now:
        return True
    if "." not in before and "." not in now:
        return False
    unit = max(_last_place(before), _last_place(now))
    one, other = (float(text.replace(",", "")) for text in (before, now))
    # a hair more: 0.3 - 0.2 is above 0.1
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=1.001 * unit)


def _last_place(number: str) -> float:
    """Return one unit of the last place that a number is printed to."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
