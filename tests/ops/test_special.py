"""Special functions against those of SciPy."""

import numpy as np
import pytest

from underdrawing.ops.special import erfc, normal_cdf, von_mises


def test_special_functions_are_those_of_scipy():
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-9, 9, 4001)
    np.testing.assert_allclose(erfc(x), special.erfc(x), rtol=2e-8)
    np.testing.assert_allclose(normal_cdf(x), special.ndtr(x), rtol=2e-8)
    assert erfc(x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(erfc(x.astype(np.float32)), special.erfc(x), rtol=2e-5, atol=1e-6)
    kappa = np.concatenate([[0.0], np.geomspace(0.02, 60, 50)])
    moment, log_i0 = von_mises(kappa)
    np.testing.assert_allclose(moment, special.ive(1, kappa) / special.ive(0, kappa), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(log_i0, np.log(special.ive(0, kappa)) + kappa, rtol=1e-12, atol=1e-14)
