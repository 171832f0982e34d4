"""A lesson: a claim, a question to answer before looking, and the run that decides both."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.result.result import Result
    from ddbsim.scenario import Scenario

__all__ = ["Answer", "Finding", "Lesson"]

Answer: TypeAlias = bool | int | float


class Finding(NamedTuple):
    """One statement of a claim against a run.

    Attributes
    ----------
    statement
        What the claim says.
    seen
        What the run shows.
    holds
        Whether they agree.
    """

    statement: str
    seen: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Lesson:
    """A small seeded run that settles one thing which people get wrong about streams.

    Attributes
    ----------
    name
        As `ddbsim.lessons.get` takes it.
    claim
        What the lesson teaches, one sentence or two.
    prediction
        The question to answer before the run.
    belief
        The answer that many give, and that the run refutes.
    hint
        Where in the run the answer is to be seen.
    source
        Where AWS, or those who measured it, say so.
    scenario
        What is simulated.
    decide
        From the run's frames, the claim's statements and whether each holds.
    answer
        From the run's frames, the answer to the prediction.
    tolerance
        How far a number may be from the run's, in its own unit.
    seed
        Of the run.

    Examples
    --------
    >>> import ddbsim as ds
    >>> lesson = ds.lessons.get("no_op_writes")
    >>> bool(lesson.verdict(lesson.run())["holds"].all())
    True
    """

    name: str
    claim: str
    prediction: str
    belief: Answer
    hint: str
    source: str
    scenario: Scenario
    decide: Callable[[Result], Iterable[Finding]]
    answer: Callable[[Result], Answer]
    tolerance: float = 0.0
    seed: int = 7

    def run(self) -> Result:
        """Return the run that decides; the same each time."""
        from ddbsim.run import simulate

        return simulate(self.scenario, rng=self.seed, progress=False)

    def verdict(self, result: Result | None = None) -> pd.DataFrame:
        """Return what a run says about the claim.

        Parameters
        ----------
        result
            The run, or one of your own with other settings; the lesson's run if None.

        Returns
        -------
        DataFrame
            A row per statement of the claim: statement, seen, holds.
        """
        import pandas as pd

        findings = list(self.decide(self.run() if result is None else result))
        return pd.DataFrame(findings, columns=list(Finding._fields)).astype({"holds": bool})

    def __str__(self) -> str:
        return f"{self.name}\nClaim: {self.claim}\nPredict: {self.prediction}\nSource: {self.source}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = (("Claim", self.claim), ("Predict", self.prediction), ("Source", self.source))
        said = "".join(f"<p><b>{title}.</b> {html.escape(text)}</p>" for title, text in rows)
        settings = f"<details><summary>scenario</summary>{self.scenario._repr_html_()}</details>"
        return f"<h4>{html.escape(self.name)}</h4>{said}{settings}"
