"""The distances against figures worked out by hand and, where SciPy has them, against SciPy's."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from components.validation.distance import infinity_norm, jensen_shannon_terms, shares


def divergence(trained, new):
    return jensen_shannon_terms(shares(np.array(trained)), shares(np.array(new))).sum()


def test_the_l_infinity_distance_is_the_largest_change_of_a_share():
    assert infinity_norm(shares(np.array([2, 1, 1])), shares(np.array([10, 10, 0]))) == 0.25


def test_the_divergence_is_zero_for_equal_shares_and_one_for_nothing_in_common():
    assert divergence([1, 2, 5], [10, 20, 50]) == 0
    assert divergence([3, 0, 1], [0, 7, 0]) == 1


def test_half_the_mass_moved_to_a_new_category():
    # m = (3/4, 1/4): (log2(4/3) + 1/2 log2(2/3) + 1/2 log2(2)) / 2
    assert divergence([1, 0], [1, 1]) == pytest.approx(0.31127812445913283, abs=1e-15)


def test_it_is_the_square_of_scipys_distance_with_base_two():
    counts = np.random.default_rng(0).integers(0, 9, (20, 2, 50))
    for trained, new in counts:
        assert divergence(trained, new) == pytest.approx(jensenshannon(trained, new, base=2) ** 2, abs=1e-12)
        assert divergence(trained, new) == pytest.approx(divergence(new, trained), abs=1e-15)
