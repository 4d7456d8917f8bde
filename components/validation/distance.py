"""How far two distributions are apart, as TensorFlow Data Validation measures it.

In: counts of the same n categories in two data sets. Out: the L-infinity distance, or the terms of the Jensen-Shannon
divergence. With shares p and q, m = (p + q) / 2 and logarithms to base 2:

    L-infinity        max |p_i - q_i|
    Jensen-Shannon    sum of (p_i log2(p_i / m_i) + q_i log2(q_i / m_i)) / 2, from 0 (equal) to 1 (nothing in common)

The divergence is J. Lin's (Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory
37(1), 1991); its square root is the Jensen-Shannon distance, a metric. tensorflow-metadata's comparators bound the
divergence, and tensorflow_data_validation/anomalies/metrics.cc computes it with the same base.

>>> import numpy as np
>>> infinity_norm(shares(np.array([3, 1])), shares(np.array([1, 3])))
0.5
>>> float(jensen_shannon_terms(shares(np.array([3, 0])), shares(np.array([0, 5]))).sum())
1.0
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def shares(counts: "NDArray[Any]") -> "NDArray[np.float64]":
    """Counts [n] as shares [n] of their sum, which must not be 0."""
    import numpy as np

    return np.asarray(counts / counts.sum(), np.float64)


def infinity_norm(p: "NDArray[np.float64]", q: "NDArray[np.float64]") -> float:
    """The largest difference of a share."""
    import numpy as np

    return float(np.abs(p - q).max())


def jensen_shannon_terms(p: "NDArray[np.float64]", q: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """What each category adds to the divergence, [n], none negative; their sum is the divergence."""
    mean = (p + q) / 2
    return (_entropy_terms(p, mean) + _entropy_terms(q, mean)) / 2


def _entropy_terms(p: "NDArray[np.float64]", mean: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The terms p log2(p / mean) [n]; 0 where p is 0."""
    import numpy as np

    terms = np.zeros_like(p)
    present = p > 0
    terms[present] = p[present] * np.log2(p[present] / mean[present])
    return terms
