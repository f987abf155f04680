"""``tflite_model_maker.model_spec``: specifications by name."""

from __future__ import annotations

from yamjit import checks
from yamjit.maker.yamnet_spec import BrowserFftSpec, YamNetSpec

__all__ = ["get"]


def get(spec_or_str: str | YamNetSpec) -> YamNetSpec:
    """Return a specification by its name.

    Parameters
    ----------
    spec_or_str : "audio_yamnet" or YamNetSpec
        Name of the specification, or one that is returned as it is.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if isinstance(spec_or_str, YamNetSpec):
        return spec_or_str
    name = checks.choice(spec_or_str, "spec_or_str", ("audio_yamnet", "audio_browser_fft"))
    return YamNetSpec() if name == "audio_yamnet" else BrowserFftSpec()
