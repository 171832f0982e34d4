"""Whether the tests notice faults: of a hundred random ones, at least ninety."""

from __future__ import annotations

import pytest

_COUNT = 100
_SEED = 20_261_127
_LEAST_KILLED = 0.9

_WITHIN_S = 7_000.0

#: Mutants that change nothing, by the line as it stands and what the fault makes of it, and why.
EQUIVALENT: dict[str, str] = {}


@pytest.mark.mutation
def test_nine_in_ten_faults_are_noticed(tmp_path, capsys):
    mutants = pytest.importorskip("mutants", reason="needs the extra 'mutation'")
    tried = mutants.trials(mutants.mutants_of(_COUNT, _SEED), tmp_path, within_s=_WITHIN_S)
    alive = [trial for trial in tried if not trial.noticed and trial.mutant.diff() not in EQUIVALENT]
    with capsys.disabled():
        print("", *tried, f"{_COUNT - len(alive)} of {_COUNT} faults are noticed; not noticed:", *alive, sep="\n")
    assert len(alive) <= (1.0 - _LEAST_KILLED) * _COUNT
