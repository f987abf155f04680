"""Runs calls of a module of WebAssembly in Wasmtime, as ``module_harness.mjs`` does in V8.

::

    python module_harness.py MODULE

Relaxed dot products are what the standard calls deterministic: products of int8 with int8, without loss. No other
engine has them so on every processor.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from pathlib import Path

import wasmtime

GUARD, FILL, ALIGNMENT, ARGUMENTS, PAGE = 4096, 0xA5, 64, 18, 65536
NAMES = ("run_steps", "log_mel", "check_plan", "digest", "turn")


def aligned(place: int) -> int:
    """Return the next place that is a multiple of the alignment."""
    return -(-place // ALIGNMENT) * ALIGNMENT


def main() -> None:
    """Run the calls that standard input describes."""
    config = wasmtime.Config()
    config.wasm_relaxed_simd = True
    config.wasm_relaxed_simd_deterministic = True
    store = wasmtime.Store(wasmtime.Engine(config))
    module = wasmtime.Module.from_file(store.engine, sys.argv[1])
    memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(2, None)))
    exports = wasmtime.Instance(store, module, [memory]).exports(store)

    data = sys.stdin.buffer.read()
    count, calls = struct.unpack_from("<2q", data)
    sizes = struct.unpack_from(f"<{count}q", data, 16)
    size = 2 + 2 * ARGUMENTS
    listed = [struct.unpack_from(f"<{size}q", data, 16 + 8 * (count + size * number)) for number in range(calls)]
    at = 16 + 8 * (count + size * calls)
    places, end = [], aligned(exports["__heap_base"].value(store))  # type: ignore[union-attr]
    for length in sizes:
        places.append(end + GUARD)
        end = aligned(places[-1] + length + GUARD)
    memory.grow(store, max(0, -(-(end - memory.data_len(store)) // PAGE)))
    base = ctypes.addressof(memory.data_ptr(store).contents)
    ctypes.memset(base + places[0] - GUARD, FILL, end - places[0] + GUARD)
    for place, length in zip(places, sizes, strict=True):
        ctypes.memmove(base + place, data[at : at + length], length)
        at += length
    guard = bytes([FILL]) * GUARD
    for number, (entry, result, *given) in enumerate(listed):
        called = exports[NAMES[entry]]
        pairs = list(zip(given[::2], given[1::2], strict=True))[: len(called.type(store).params)]  # type: ignore[union-attr]
        values = [value + (places[buffer] if buffer >= 0 else 0) for buffer, value in pairs]
        if called(store, *values):  # type: ignore[operator]
            sys.exit(f"stopped (call {number}, buffer -1)")
        for buffer, (place, length) in enumerate(zip(places, sizes, strict=True)):
            if ctypes.string_at(base + place - GUARD, GUARD) != guard:
                sys.exit(f"wrote before (call {number}, buffer {buffer})")
            if ctypes.string_at(base + place + length, GUARD) != guard:
                sys.exit(f"wrote behind (call {number}, buffer {buffer})")
        sys.stdout.buffer.write(ctypes.string_at(base + places[result], sizes[result]))


if __name__ == "__main__":
    Path(sys.argv[1]).stat()
    main()
