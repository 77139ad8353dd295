import numpy as np
import pytest
import torch

from regions.networks.convolve import convolve


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
def test_convolution_is_torchs(stride, padding, dilation, monkeypatch):
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=(7, 3, 9, 11)), rng.normal(size=(4, 3, 3, 2))
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(values), torch.from_numpy(weight), None, stride, padding, dilation
    ).numpy()
    np.testing.assert_allclose(
        convolve(values, weight, stride, padding, dilation), expected, rtol=0, atol=1e-12
    )
    monkeypatch.setattr("regions.networks.convolve._BLOCK", 3000)  # one or two rows at a time
    np.testing.assert_allclose(
        convolve(values, weight, stride, padding, dilation), expected, rtol=0, atol=1e-12
    )
