"""Whether the tests notice faults: of a hundred random ones, at least ninety."""

from __future__ import annotations

import pytest

_COUNT = 100
_SEED = 20_261_127
_LEAST_KILLED = 0.9

#: Mutants that change nothing, by the line as it stands and what the fault makes of it, and why.
EQUIVALENT: dict[str, str] = {}


@pytest.mark.mutation
def test_nine_in_ten_faults_are_noticed(tmp_path, capsys):
    mutants = pytest.importorskip("mutants", reason="needs the extra 'mutation'")
    tried = mutants.mutants_of(_COUNT, _SEED)
    alive = [mutant for mutant in mutants.survivors(tried, tmp_path) if mutant.diff() not in EQUIVALENT]
    with capsys.disabled():
        print(f"\n{_COUNT - len(alive)} of {_COUNT} faults are noticed; not noticed:")
        print("\n".join(mutant.diff() for mutant in alive))
    assert len(alive) <= (1.0 - _LEAST_KILLED) * _COUNT
