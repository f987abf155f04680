"""Loops of spectra against the kernels, which are tested against the runtime."""

from __future__ import annotations

import numpy as np
import pytest

from reference.spectra import MelRange, audio_spectrogram, fast_transform, mfcc
from tests.kernels.test_spectra import inputs_for
from tests.support.programs import OneOperator
from tests.support.spectral_graphs import RATE, SPECTRAL_GRAPHS
from yamjit.kernels import load_backend
from yamjit.kernels.spectral.numpy import real_transform
from yamjit.kernels.spectral.tables import fft_tables
from yamjit.tflite.operators.spectrum import AudioSpectrogramOptions, MfccOptions


@pytest.mark.parametrize("bits", range(1, 11))
def test_transforms(bits: int) -> None:
    values = np.random.Generator(np.random.PCG64(bits)).normal(size=2**bits)
    re, im = real_transform(values[np.newaxis], fft_tables(2**bits))
    expected = np.array(fast_transform(values.tolist()))
    np.testing.assert_array_equal(re[0], expected.real)
    np.testing.assert_array_equal(im[0], expected.imag)
    np.testing.assert_allclose(expected.conj(), np.fft.rfft(values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in SPECTRAL_GRAPHS if not name.startswith("transform")])
def test_custom_operators(name: str) -> None:
    graph = SPECTRAL_GRAPHS[name]
    values, options = inputs_for(graph), graph.operators[0].options
    found = OneOperator(graph).run(load_backend("numpy"), values)[:, 0]
    for patch, output in zip(values, found, strict=True):
        if isinstance(options, AudioSpectrogramOptions):
            squared = options.magnitude_squared
            expected = audio_spectrogram(patch[:, 0], options.window_size, options.stride, squared=squared)
        else:
            assert isinstance(options, MfccOptions)
            limits = (options.lower_frequency_limit, options.upper_frequency_limit)
            bands = MelRange(RATE, *limits, options.filterbank_channel_count)
            expected = mfcc(patch[0], bands, options.dct_coefficient_count)
        np.testing.assert_array_equal(output, expected)
