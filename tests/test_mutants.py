"""Whether the tests notice faults: of a hundred random ones, at least ninety."""

from __future__ import annotations

import pytest

_COUNT = 100
_SEED = 20_261_127
_LEAST_KILLED = 0.9
_WITHIN_S = 7_000.0

#: Mutants that change nothing, by the line as it stands and what the fault makes of it, and why.
EQUIVALENT: dict[tuple[str, str], str] = {
    (
        "counts = waits | ((written_s >= begin_s) & (written_s < ended_s))",
        "counts = waits | ((written_s >= begin_s) & (written_s <= ended_s))",
    ): "what is written at the end has an age of 0, counted or not",
    (
        'away = forecast.away(runner, root) if kind != "failing" else None',
        'away = forecast.away(runner, root) if kind < "failing" else None',
    ): 'the other kinds, "away" and "both", come before it in the alphabet',
    (
        'shrunk = "" if scale == 1.0 else f" (all times shrunk to {scale:.2%}; how long and how many are of this run)"',
        'shrunk = "" if scale >= 1.0 else f" (all times shrunk to {scale:.2%}; how long and how many are of this run)"',
    ): "a scale is 1 at the most",
    (
        '("maximum_record_age_in_seconds", float(age_s)) if 0 <= age_s < retention_s else ("retention", retention_s)',
        '("maximum_record_age_in_seconds", float(age_s)) if 1 <= age_s < retention_s else ("retention", retention_s)',
    ): "an age is -1 or at least 60",
    (
        "if number + 1 < len(batch.attempts):",
        "if number + 1 != len(batch.attempts):",
    ): "no attempt has a number beyond the last",
    (
        "if outcome == Settled.PROCESSED:",
        "if outcome <= Settled.PROCESSED:",
    ): "only WAITING is less, and what waits is not settled",
    (
        "if highest < 2 * len(item_id):",
        "if highest == 2 * len(item_id):",
    ): "ids that are counted through tell items as well, in more time",
    (
        "two = self._inverse_area(self._area(np.array([2.5])) - 2.0**-self.theta)",
        "two = self._inverse_area(self._area(np.array([2.5])) / 2.0**-self.theta)",
    ): "fewer proposals are accepted unseen, and the others are looked at",
    (
        "length_s = stable[0].scenario.length_s if stable and stable[0].scenario else 1.0",
        "length_s = stable[0].scenario.length_s if stable and stable[0].scenario else 2.0",
    ): "without a scenario there is no short run to be measured by it",
}


@pytest.mark.mutation
def test_nine_in_ten_faults_are_noticed(tmp_path, capsys):
    mutants = pytest.importorskip("mutants", reason="needs the extra 'mutation'")
    tried = mutants.trials(mutants.mutants_of(_COUNT, _SEED), tmp_path, within_s=_WITHIN_S)
    alive = [trial for trial in tried if not trial.noticed and trial.mutant.change() not in EQUIVALENT]
    with capsys.disabled():
        print("", *tried, f"{_COUNT - len(alive)} of {_COUNT} faults are noticed; not noticed:", *alive, sep="\n")
    assert len(alive) <= (1.0 - _LEAST_KILLED) * _COUNT
