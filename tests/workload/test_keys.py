import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbsim.workload import HotSet, SequentialKeys, UniformKeys, Zipfian

ITEMS = st.integers(2, 5_000)
SEEDS = st.integers(0, 2**32)


@st.composite
def key_choices(draw):
    items = draw(ITEMS)
    return draw(
        st.one_of(
            st.just(UniformKeys(items=items)),
            st.just(SequentialKeys(items=items)),
            st.builds(HotSet, items=st.just(items), hot_items=st.integers(1, items - 1), hot_share=st.floats(0, 1)),
            st.builds(Zipfian, items=st.just(items), theta=st.floats(0, 10)),
        )
    )


@settings(max_examples=80, deadline=None)
@given(key_choices(), st.integers(0, 3000), SEEDS)
def test_draws_are_items(keys, n, seed):
    drawn = keys.draw(n, np.random.default_rng(seed))
    assert drawn.dtype == np.int64
    assert drawn.shape == (n,)
    assert ((drawn >= 0) & (drawn < keys.items)).all()


def chi_square_is_plausible(counts, shares):
    """Whether counts come from shares, but for once in a billion (cells of few expected are pooled)."""
    expected = shares * counts.sum()
    large = expected >= 10
    counts = np.append(counts[large], counts[~large].sum())
    expected = np.append(expected[large], expected[~large].sum())
    kept = expected > 0
    square = ((counts[kept] - expected[kept]) ** 2 / expected[kept]).sum()
    cells = max(kept.sum() - 1, 1)
    return square <= cells + 6 * math.sqrt(2 * cells) + 12


@pytest.mark.parametrize("theta", [0.0, 0.5, 0.99, 1.0, 1.2, 2.0, 6.0])
@pytest.mark.parametrize("items", [1, 2, 3, 50, 2_000])
def test_zipfian_shares_are_exact(items, theta):
    drawn = Zipfian(items=items, theta=theta).draw(200_000, np.random.default_rng(4))
    shares = np.arange(1, items + 1) ** -theta
    assert chi_square_is_plausible(np.bincount(drawn, minlength=items), shares / shares.sum())


def test_zipfian_over_a_billion_items_has_the_shares_of_the_hottest():
    drawn = Zipfian(items=10**9).draw(400_000, np.random.default_rng(4))
    tail = (1e9**0.01 - 1e5**0.01) / 0.01  # the sum from 100,000 on as an integral
    total = (np.arange(1, 100_001) ** -0.99).sum() + tail
    for rank in range(3):
        share = (rank + 1) ** -0.99 / total
        assert abs((drawn == rank).mean() - share) <= 6 * math.sqrt(share / len(drawn))
    assert drawn.max() > 10**8


@pytest.mark.parametrize("items", [1, 2, 3, 50, 2_000])
@pytest.mark.parametrize("theta", [0.0, 0.99, 1.0, 2.0])
def test_the_hottest_share_is_that_of_the_first_rank(items, theta):
    assert Zipfian(items=items, theta=theta).hottest_share == pytest.approx(
        1 / (np.arange(1, items + 1) ** -theta).sum()
    )


def test_hot_set_sends_its_share_to_the_hot_items():
    keys = HotSet(items=100, hot_items=5, hot_share=0.8)
    drawn = keys.draw(200_000, np.random.default_rng(2))
    shares = np.where(np.arange(100) < 5, 0.8 / 5, 0.2 / 95)
    assert chi_square_is_plausible(np.bincount(drawn, minlength=100), shares)


def test_uniform_keys_are_uniform():
    drawn = UniformKeys(items=300).draw(100_000, np.random.default_rng(2))
    assert chi_square_is_plausible(np.bincount(drawn, minlength=300), np.full(300, 1 / 300))


def test_the_chi_square_of_these_tests_can_fail():
    drawn = Zipfian(items=50, theta=0.99).draw(200_000, np.random.default_rng(4))
    shares = np.arange(1, 51) ** -0.95
    assert not chi_square_is_plausible(np.bincount(drawn, minlength=50), shares / shares.sum())


def test_sequential_keys_go_round():
    assert SequentialKeys(items=3).draw(7, np.random.default_rng(1)).tolist() == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UniformKeys(items=0), "UniformKeys: items must be a finite number >= 1, got 0"),
        (lambda: SequentialKeys(items=2.5), "SequentialKeys: items must be a whole number, got 2.5"),
        (lambda: Zipfian(items=5, theta=-1), r"Zipfian: theta must be a number in \[0, 10\], got -1"),
        (lambda: HotSet(items=5, hot_items=5, hot_share=0.5), r"HotSet: hot_items must be a number in \[1, 4\], got 5"),
        (lambda: HotSet(items=1, hot_items=1, hot_share=0.5), "HotSet: items must be a finite number >= 2, got 1"),
        (lambda: HotSet(items=9, hot_items=1, hot_share=2), r"HotSet: hot_share must be a number in \[0, 1\], got 2"),
    ],
)
def test_wrong_values_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()
