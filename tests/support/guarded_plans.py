"""Plan files with wrong numbers and a right digest: each is refused, or runs in memory between pages of no access.

``python -m tests.support.guarded_plans FILE COUNT SEED`` prints what it is about to run and then how many were refused
and run; a step outside its memory ends the process. `COUNT` 0 tries every integer with every wrong value.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yamjit.kernels.int8.compiled import run_steps
from yamjit.kernels.int8.prepared import PREPARED_COLUMNS
from yamjit.kernels.log_mel.compiled import log_mel_entry
from yamjit.kernels.log_mel.tables import Field as Table
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.memory import padded
from yamjit.kernels.plan_file.entries import CHECK_PLAN, DIGEST
from yamjit.kernels.plan_file.layout import HEAD_FIELDS, HEADER_BYTES, Field, HeadField

__all__ = ["Guarded", "PlanRunner", "wrong_values"]

Int64 = npt.NDArray[np.int64]

_PAGE = mmap.PAGESIZE
_FILLED = 0x55
_PATCHES = 2


class Guarded:
    """Memory that ends where a page of no access begins; what lies before it in its first page is watched."""

    def __init__(self, size: int) -> None:
        size = padded(size)
        whole = padded(size, _PAGE) + 2 * _PAGE
        self._map = mmap.mmap(-1, whole)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self.address = start + whole - _PAGE - size
        self._before = np.frombuffer(self._map, np.uint8, whole - 2 * _PAGE - size, _PAGE)
        self._before[:] = _FILLED
        self.bytes = np.frombuffer(self._map, np.uint8, size, whole - _PAGE - size)
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for page in (start, start + whole - _PAGE):
            assert protect(page, _PAGE, 0) == 0

    def is_whole(self) -> bool:
        """Return whether nothing was written before the memory."""
        return bool((self._before == _FILLED).all())


class PlanRunner:
    """One plan file in guarded memory, whose integers can be changed; the digest is repaired."""

    def __init__(self, content: bytes) -> None:
        self._file, self._content = Guarded(len(content)), np.frombuffer(content, np.uint8)
        self.integers: Int64 = self._file.bytes.view(np.int64)
        self._check, self._digest = LoadedEntry(CHECK_PLAN), LoadedEntry(DIGEST)
        self._memory: dict[tuple[str, int], Guarded] = {}
        self.reset()

    def reset(self) -> None:
        """Take back all changes."""
        self._file.bytes[:] = self._content

    def places(self) -> list[int]:
        """Return the numbers of all integers that say where something is, how much of it, or how it runs."""
        header = self.integers[: HEADER_BYTES // 8].tolist()
        found = [*range(Field.SIZE + 1, Field.EMBEDDING_ZERO_POINT + 1)]
        parts = [(header[Field.STEPS_AT], header[Field.STEPS] * PREPARED_COLUMNS)]
        parts.append((header[Field.HEADS_AT], header[Field.HEADS] * HEAD_FIELDS))
        parts += [(head[HeadField.LABELS_AT], head[HeadField.CLASSES]) for head in self._heads(header)]
        if header[Field.TABLES_SIZE]:
            at = header[Field.TABLES_AT]
            tables = self.integers[at // 8 :].tolist()
            parts.append((at, len(Table)))
            parts.append((at + tables[Table.MEL_ROWS], 2 * tables[Table.BANDS]))
            parts.append((at + tables[Table.REVERSED], tables[Table.POINTS] // tables[Table.FIRST_RADIX]))
        for at, count in parts:
            found += range(at // 8, at // 8 + count)
        return found

    def check(self) -> list[int]:
        """Repair the digest and return what is found."""
        found = np.zeros(5, np.int64)
        start = 8 * Field.SIZE
        self._digest(self._file.address + start, self._file.bytes.size - start, found[4:].ctypes.data)
        self.integers[Field.DIGEST] = found[4]
        self._check(self._file.address, self._file.bytes.size, found.ctypes.data)
        return [int(number) for number in found[:4]]

    def run(self) -> None:
        """Run the file as it is in memory of the sizes that it asks for, and read what its heads name."""
        header = self.integers[: HEADER_BYTES // 8].tolist()
        plan, width = self._file.address, 4 * header[Field.FRAMES] * header[Field.BANDS]
        arena = self._take("arena", header[Field.ARENA] * _PATCHES + 64)
        scratch = self._take("scratch", header[Field.SCRATCH])
        patch = arena.address + header[Field.PATCH_AT] * _PATCHES
        used = [arena, scratch, self._file]
        if header[Field.TABLES_SIZE]:
            samples = self._take("samples", 4 * header[Field.WINDOW])
            beside = self._take("front end", header[Field.LOG_MEL_SCRATCH])
            used += [samples, beside]
            for number in range(_PATCHES):
                out = patch + number * width
                tables = plan + header[Field.TABLES_AT]
                log_mel_entry(tables, samples.address, header[Field.FRAMES], beside.address, out)
        parts = [header[field] for field in (Field.ACCUMULATORS, Field.IMAGE, Field.PANEL, Field.BORDER)]
        for patches in range(1, _PATCHES + 1):
            run_steps(
                plan + header[Field.STEPS_AT],
                0,
                header[Field.STEPS],
                plan + header[Field.CONSTANTS_AT],
                arena.address,
                scratch.address,
                *parts,
                _PATCHES,
                patches,
            )
        self._read_heads(header)
        assert all(memory.is_whole() for memory in used), "something was written before its memory"

    def _heads(self, header: list[int]) -> Iterator[list[int]]:
        for number in range(header[Field.HEADS]):
            at = header[Field.HEADS_AT] // 8 + number * HEAD_FIELDS
            yield self.integers[at : at + HEAD_FIELDS].tolist()

    def _read_heads(self, header: list[int]) -> None:
        """Read as `yamjit.c` does: texts up to a zero byte, a value for each score of each class."""
        text = self._file.bytes[header[Field.TEXT_AT] :][: header[Field.TEXT_SIZE]].tobytes()
        for head in self._heads(header):
            classes = head[HeadField.CLASSES]
            labels = self.integers[head[HeadField.LABELS_AT] // 8 :][:classes].tolist()
            assert len(labels) == classes
            assert all(place >= 0 and text.index(b"\0", place) >= place for place in (head[HeadField.NAME_AT], *labels))
            values = head[HeadField.VALUES_AT] + 4 * (head[HeadField.VALUES_STRIDE] * (classes - 1) + 256)
            assert 0 <= head[HeadField.VALUES_AT] <= values <= self._file.bytes.size
            for place in (head[HeadField.SCORES_AT], head[HeadField.LOGITS_AT]):
                assert 0 <= place <= place + classes <= header[Field.ARENA]

    def _take(self, name: str, size: int) -> Guarded:
        if (name, size) not in self._memory:
            self._memory = {key: memory for key, memory in self._memory.items() if key[0] != name}
            self._memory[name, size] = Guarded(size)
        return self._memory[name, size]


def wrong_values(value: int) -> list[int]:
    """Return values that are near, negative, misaligned and far, and those at which products overflow."""
    near = {0, 1, 2, 3, 64, value - 1, value + 1, value - 64, value + 64, 2 * value, value // 2, -value}
    far = {-1, -64, 2**15, 2**20, 2**30, 2**31, 2**32 + 1, 2**40, 2**58, 2**61, 2**62, 2**63 - 64, 2**63 - 1, -(2**63)}
    return sorted((near | far) - {value})


def _changes(runner: PlanRunner, count: int, seed: int) -> Iterator[dict[int, int]]:
    """Yield changes of integers: each alone with every wrong value, or `count` of one to three at random."""
    places = runner.places()
    old = {place: int(runner.integers[place]) for place in places}
    if count == 0:
        yield from ({place: value} for place in places for value in wrong_values(old[place]))
        return
    choose = random.Random(seed)
    for _ in range(count):
        some = choose.sample(places, choose.choice((1, 1, 1, 2, 3)))
        yield {place: choose.choice([*wrong_values(old[place]), old[choose.choice(places)]]) for place in some}


def main(path: str, count: str, seed: str) -> None:
    """Try changes of a file."""
    runner = PlanRunner(Path(path).read_bytes())
    assert runner.check()[0] == 0, runner.check()
    runner.run()
    refused = ran = 0
    for change in _changes(runner, int(count), int(seed)):
        for place, value in change.items():
            runner.integers[place] = max(min(value, 2**63 - 1), -(2**63))
        if runner.check()[0]:
            refused += 1
        else:
            print("runs", change, flush=True)
            runner.run()
            ran += 1
        runner.reset()
    print(f"{refused} refused, {ran} run", flush=True)


if __name__ == "__main__":
    main(*itertools.islice(sys.argv, 1, 4))
