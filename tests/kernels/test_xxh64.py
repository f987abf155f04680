"""The digest of plan files, in Python and compiled, against numbers that others published."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.backends import NO_COMPILER
from yamjit.kernels.memory import aligned_bytes
from yamjit.kernels.plan_file.xxh64 import xxh64

#: From the README of the package xxhash, and from the table of xxHash's own ``xsum_sanity_check.c``, seed 0.
PUBLISHED = [
    (b"", 0xEF46DB3751D8E999),
    (b"a", 0xD24EC4F1A98C6E5B),
    (b"abc", 0x44BC2CF5AD770999),
    (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
]
SANITY = [(1, 0xE934A84ADB052768), (4, 0x9136A0DCA57457EE), (14, 0x8282DCC4994E35C8), (222, 0xB641AE8CB691C174)]


def sanity_bytes(size: int) -> bytes:
    """Return the bytes that xxHash tests itself with."""
    found, state = bytearray(), 2654435761
    for _ in range(size):
        found.append(state >> 56)
        state = state * 11400714785074694797 % 2**64
    return bytes(found)


def compiled_digest(data: bytes) -> int:
    from yamjit.kernels.plan_file.digest import xxh64_of

    block = aligned_bytes(len(data))
    block[:] = np.frombuffer(data, np.uint8)
    with np.errstate(over="ignore"):  # where it stays a Python function
        return int(np.uint64(xxh64_of(block.ctypes.data, len(data))))


@pytest.mark.parametrize(("data", "digest"), [*PUBLISHED, *((sanity_bytes(size), digest) for size, digest in SANITY)])
def test_published_digests(data: bytes, digest: int) -> None:
    assert xxh64(data) == digest


@pytest.mark.numba
@pytest.mark.skipif(NO_COMPILER, reason="Numba does not compile")
@given(st.binary(max_size=200))
@settings(deadline=None, derandomize=True)
def test_the_compiled_digest_is_the_same(data: bytes) -> None:
    assert compiled_digest(data) == xxh64(data)


def test_every_byte_counts() -> None:
    data = bytearray(sanity_bytes(77))
    whole = xxh64(bytes(data))
    for place in range(len(data)):
        data[place] ^= 1
        assert xxh64(bytes(data)) != whole
        data[place] ^= 1
