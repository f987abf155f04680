"""Damaged models against the package: every mutant has to give scores or one of the package's errors.

::

    python -m tools.checks.fuzz_models MODEL [MODEL ...] --count 5000 --seed 99 --jobs 2
    python -m tools.checks.fuzz_models --family --count 5000

Models take turns. ``--family`` stands for small ones that are made here: of each float and hybrid operator, of any
length, with float or mixed weights (`tests.support.family`).

Each mutant is tried in a process of its own, forked after the imports. One line of JSON tells how many gave what,
the slowest, and the largest resident set; the exit code is 1 if one crashed, was slow, or raised anything else.
The same seed gives the same mutants.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import io
import json
import math
import multiprocessing
import os
import random
import select
import signal
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.family import family_models
from tests.support.flat import Place, Tree, build_tree, places, read_tree
from tools.checks.lowerings import fast_backend
from yamjit.errors import YamjitError
from yamjit.tflite.metadata_tables import METADATA_IDENTIFIER, MODEL_METADATA
from yamjit.tflite.model_tables import BUFFER, MODEL, MODEL_IDENTIFIER, OPERATOR, SUBGRAPH, TENSOR, TensorType
from yamjit.tflite.schema import Child, Opaque, Scalar, String, Union
from yamjit.tflite.verifier import verify
from yamjit.tflite.writer import write_graph

__all__ = [
    "KINDS",
    "Mutant",
    "Mutator",
    "Outcome",
    "campaign",
    "print_info",
    "read_model",
    "run_model",
    "summarized",
    "try_here",
    "try_in_child",
]

#: Seconds of a processor from which on a mutant is slow, and seconds of a clock, on a machine that does more than
#: this, after which it hangs.
SLOW_S, HANG_S = 2.0, 30.0
#: Address space of a child: a bomb ends there rather than on the machine.
_ADDRESS_SPACE = 10 * 2**30

_EDGES = (0, 1, 2, 3, 127, 128, 255, 256, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
_SCALES = (0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, 1e-45, 1e-38, 1e-30, 1e-6, 0.5, 1e6, 3e38)
_FLOATS = (math.nan, math.inf, -math.inf, 3e38, -3e38, 1e30, 1e19, 1e-30, 1e-38, 1e-45, -1e-45, -0.0, 0.0)
_ZERO_POINTS = (-(2**63), -(2**40), -(2**31), -129, -128, -1, 0, 1, 127, 128, 2**31, 2**40, 2**63 - 1)
_LENGTHS = (0, 1, 2, 3, 5, 64, 1000, 2**16, 2**24, 2**28, 2**30, 2**31 - 1, 2**31, 2**32 - 1)

Target = Callable[[bytes], object]


class Mutant(NamedTuple):
    """A damaged model: the kind of damage, where, and the bytes."""

    kind: str
    what: str
    data: bytes


class Outcome(NamedTuple):
    """What came of a mutant: ``accepted``, an error's name, ``foreign``, ``signal`` or ``hang``.

    `seconds` are a processor's; of what hangs, a clock's.
    """

    result: str
    detail: str
    seconds: float
    rss_bytes: int


def read_model(data: bytes) -> object:
    """Read a model, and no more."""
    from yamjit.tflite import read_graph

    return read_graph(data)


def run_model(data: bytes) -> object:
    """Print what a model is, load it, and score one window of noise with every backend: the target unless told else.

    Floats may be other than finite where the weights are; the backends agree on them to the last bit.
    """
    import numpy as np

    import yamjit

    found: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        print_info(data)
        for name in ("numpy", fast_backend()):
            model = yamjit.load(data, backend=name)
            noise = np.random.default_rng(0)
            if model.plan.front_end is None and not model.plan.takes_samples:
                patch = noise.uniform(-0.5, 0.5, (1, *model.plan.patch_shape)).astype(np.float32)
                found.append(model.network.run(patch))
            else:
                window = noise.uniform(-0.5, 0.5, model.window_samples).astype(np.float32)
                found.append(model.classify(window, sample_rate=model.sample_rate))
    for what in ("scores", "embeddings"):
        if not np.array_equal(*(getattr(result, what) for result in found), equal_nan=True):
            raise RuntimeError(f"the backends do not agree on the {what}")
    if model.plan.heads[0].scores.dtype == np.int8 and not np.isfinite(found[0].scores).all():
        raise RuntimeError("scores of integers are not finite")
    return found


def print_info(data: bytes) -> None:
    """Print all that ``yamjit info`` can say of a model, as text and as JSON."""
    from yamjit.cli import info

    with contextlib.redirect_stdout(io.StringIO()):
        for as_json in (False, True):
            info.run(argparse.Namespace(model=data, head=(), roles=None, json=as_json, full=True, labels=True))


def describe_model(data: bytes) -> object:
    """Say what can be said of a model, and change what it says about itself."""
    from yamjit.head_metadata import read_labelled_outputs
    from yamjit.learn.describing import as_document, set_audio, set_labels, set_texts
    from yamjit.tflite.patching import read_described

    described = read_described(data)
    json.dumps([as_document(described), [head.labels for head in read_labelled_outputs(described)]])
    texts = set_texts(described, name="Name", author="Author")
    if described.inputs:
        texts = set_audio(read_described(texts), 16_000)
    if described.outputs:
        names = [f"class {k}" for k in range(min(described.outputs[0].classes, 2000))]
        texts = set_labels(read_described(texts), names)
    again = read_described(texts)
    if again.metadata is None or again.metadata.name != "Name" or again.operators != described.operators:
        raise RuntimeError("the metadata are not those that were written")
    return again


class Mutator:
    """A sound model, and the ways to damage it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.end = verify(data, MODEL, MODEL_IDENTIFIER)
        self.places = list(places(data, MODEL))
        self.structure = _structure(self.places, self.end)
        self._tree: Tree | None = None

    @property
    def tree(self) -> Tree:
        """The model as a tree."""
        if self._tree is None:
            self._tree = read_tree(self.data, MODEL)
        return self._tree

    def mutant(self, seed: int, index: int, kind: str | None = None) -> Mutant:
        """Return a mutant, of a kind that chance chooses unless one is asked for."""
        dice = random.Random(f"{seed}/{index}")
        kind = kind or dice.choice(_TURNS)
        try:
            what, data = KINDS[kind](self, dice)
        except IndexError:  # there is nothing of the kind in the model
            what, data = _one_byte(self, dice)
        return Mutant(kind, what, data)

    def find(self, kind: str, *parts: str) -> list[Place]:
        """Return the places of a kind whose paths hold one of the parts."""
        return [
            place for place in self.places if place.kind == kind and (not parts or any(p in place.path for p in parts))
        ]

    def patched(self, position: int, content: bytes) -> bytes:
        """Return the model with other bytes at a position."""
        return self.data[:position] + content + self.data[position + len(content) :]


def _structure(found: Sequence[Place], end: int) -> list[int]:
    """List the bytes that are neither contents of vectors nor of strings."""
    contents = bytearray(end)
    for place in found:
        if place.kind in ("elements", "string"):
            contents[place.position : place.position + place.size] = b"\1" * place.size
    return [position for position in range(end) if not contents[position]]


def _one_byte(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    position = dice.choice(model.structure)
    value = dice.randrange(256)
    return f"byte {position} = {value}", model.patched(position, bytes([value]))


def _few_bytes(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    data = bytearray(model.data)
    positions = [dice.choice(model.structure) for _ in range(dice.randint(2, 8))]
    for position in positions:
        data[position] = dice.randrange(256)
    return f"bytes {positions}", bytes(data)


def _word(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    position = dice.choice(model.structure) & ~3
    value = dice.choice(_EDGES)
    return f"word {position} = {value}", model.patched(position, struct.pack("<I", value))


def _quantization(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice(model.find("elements", ".scale", ".zero_point"))
    position = place.position + dice.randrange(place.size)
    return f"{place.path} byte {position}", model.patched(position, bytes([dice.randrange(256)]))


def _scale(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice(model.find("elements", ".scale"))
    value = dice.choice(_SCALES)
    position = place.position + 4 * dice.randrange(place.size // 4)
    return f"{place.path} = {value}", model.patched(position, struct.pack("<f", value))


def _zero_point(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice(model.find("elements", ".zero_point"))
    value = dice.choice(_ZERO_POINTS)
    position = place.position + 8 * dice.randrange(place.size // 8)
    return f"{place.path} = {value}", model.patched(position, struct.pack("<q", value))


def _scalar(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice(model.find("scalar"))
    value = dice.choice(_EDGES) % 2 ** (8 * place.size)
    return f"{place.path} = {value}", model.patched(place.position, value.to_bytes(place.size, "little"))


def _option(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice(model.find("scalar", ".builtin_options", ".opcode_index", "operator_codes"))
    value = dice.choice((*_EDGES, dice.randrange(256))) % 2 ** (8 * place.size)
    return f"{place.path} = {value}", model.patched(place.position, value.to_bytes(place.size, "little"))


def _index(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice([p for p in model.find("elements", ".inputs", ".outputs") if p.size])
    value = dice.choice((-1, -2, 0, 1, 121, 2**31 - 1, -(2**31), *(dice.randrange(121) for _ in range(4))))
    position = place.position + 4 * dice.randrange(place.size // 4)
    return f"{place.path} = {value}", model.patched(position, struct.pack("<i", value))


def _shape(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice([p for p in model.find("elements", ".shape") if p.size])
    value = dice.choice((-1, 0, 1, 2, 3, 65536, 46341, 2**30, 2**31 - 1, -(2**31)))
    axes = range(place.size // 4) if dice.random() < 0.3 else [dice.randrange(place.size // 4)]
    data = bytearray(model.data)
    for axis in axes:
        struct.pack_into("<i", data, place.position + 4 * axis, value)
    return f"{place.path} {list(axes)} = {value}", bytes(data)


def _length(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place = dice.choice(model.find("length"))
    value = dice.choice(_LENGTHS)
    return f"length of {place.path} = {value}", model.patched(place.position, struct.pack("<I", value))


def _offset(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    place, other = dice.choice(model.find("offset")), dice.choice(model.find("offset"))
    target = other.position + int.from_bytes(model.data[other.position : other.position + 4], "little")
    value = (target - place.position) % 2**32
    return f"{place.path} leads where {other.path} does", model.patched(place.position, struct.pack("<I", value))


def _operand_constant(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    """Damage a small constant: paddings, axes, shapes, indices, biases."""
    place = dice.choice([p for p in model.find("elements", ".data") if 4 <= p.size <= 4096 and p.size % 4 == 0])
    value = dice.choice((-1, -2, 0, 1, 2, 3, 2**30, 2**31 - 1, -(2**31), dice.randrange(1000)))
    position = place.position + 4 * dice.randrange(place.size // 4)
    return f"{place.path} = {value}", model.patched(position, struct.pack("<i", value))


def _constants(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    data = bytearray(model.data)
    large = [p for p in model.find("elements", ".data") if p.size > 64]
    place = dice.choice(large)
    size = min(place.size, dice.choice((1, 8, 64, 4096)))
    start = place.position + dice.randrange(place.size - size + 1)
    data[start : start + size] = dice.randbytes(size)
    return f"{size} bytes of {place.path}", bytes(data)


def _reorder(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    """Exchange two entries of a vector of tables, such as operators or tensors."""
    entries = [p for p in model.find("offset", ".operators[", ".tensors[", ".buffers[") if p.path.endswith("]")]
    first, second = dice.choice(entries), dice.choice(entries)
    data = bytearray(model.data)
    targets = [p.position + int.from_bytes(data[p.position : p.position + 4], "little") for p in (first, second)]
    for place, target in zip((second, first), targets, strict=True):
        struct.pack_into("<I", data, place.position, (target - place.position) % 2**32)
    return f"{first.path} and {second.path} exchanged", bytes(data)


def _rebuilt(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    """Set or leave out a field, also one that the file does not have."""
    tree = dict(model.tree)
    tree["subgraphs"] = [dict(tree["subgraphs"][0])]
    subgraph = tree["subgraphs"][0]
    name = dice.choice(("tensors", "operators", "buffers", "subgraph", "model"))
    if name in ("subgraph", "model"):
        victim, table = (subgraph, SUBGRAPH) if name == "subgraph" else (tree, MODEL)
    else:
        owner = tree if name == "buffers" else subgraph
        owner[name] = [dict(item) for item in owner[name]]
        victim = dice.choice(owner[name])
        table = {"tensors": TENSOR, "operators": OPERATOR, "buffers": BUFFER}[name]
    field = dice.choice(list(table.fields))
    value = dice.choice((None, dice.choice(_EDGES), dice.choice(_EDGES)))
    kind = table.fields[field]
    if isinstance(kind, Scalar):
        victim[field] = None if value is None else value % 2 ** (8 * kind.size)
    elif value is not None and isinstance(getattr(kind, "element", kind), Scalar | String):
        victim[field] = struct.pack("<I", value) * 2 * dice.choice((0, 1, 4, 32, 500))
    elif isinstance(kind, Child | Union | Opaque) and value is not None:
        victim[field] = {}
        if f"{field}_type" in table.fields:
            victim[f"{field}_type"] = dice.randrange(128)
    else:
        victim[field] = None
    rebuilt = build_tree(tree, MODEL, MODEL_IDENTIFIER)
    return f"{table.name}.{field} set to {value}", rebuilt + model.data[model.end :]


def _tensor_type(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    """Give a tensor another type."""
    tree = dict(model.tree)
    tree["subgraphs"] = [dict(tree["subgraphs"][0])]
    tree["subgraphs"][0]["tensors"] = tensors = [dict(tensor) for tensor in tree["subgraphs"][0]["tensors"]]
    number, kind = dice.randrange(len(tensors)), dice.choice(list(TensorType))
    tensors[number]["type"] = int(kind)
    return f"tensor {number} is {kind.name}", build_tree(tree, MODEL, MODEL_IDENTIFIER) + model.data[model.end :]


def _floats(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    """Put numbers among float32 constants that are hard to compute with."""
    tensors = model.tree["subgraphs"][0]["tensors"]
    buffers = {tensor.get("buffer", 0) for tensor in tensors if not tensor.get("type")}
    paths = {f"{MODEL.name}.buffers[{number}].data" for number in buffers}
    place = dice.choice([p for p in model.places if p.kind == "elements" and p.path in paths and p.size >= 4])
    count, value = place.size // 4, dice.choice(_FLOATS)
    changed = range(count) if dice.random() < 0.2 else [dice.randrange(count) for _ in range(dice.choice((1, 1, 4)))]
    data = bytearray(model.data)
    for number in changed:
        struct.pack_into("<f", data, place.position + 4 * number, value)
    return f"{len(changed)} of {place.path} = {value}", bytes(data)


def _truncation(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    size = len(model.data)
    cut = dice.choice(
        (dice.randrange(64), dice.randrange(65536), dice.randrange(size), size - 1 - dice.randrange(6400))
    )
    cut = max(0, min(cut, size - 1))
    return f"cut at {cut}", model.data[:cut]


def _archive(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    rest = bytearray(model.data[model.end :])
    if not rest:
        return "garbage appended", model.data + dice.randbytes(dice.choice((1, 16, 100)))
    near_end = dice.random() < 0.5
    for _ in range(dice.choice((1, 1, 2, 8))):
        low = max(0, len(rest) - 120) if near_end else 0
        rest[dice.randrange(low, len(rest))] = dice.randrange(256)
    return "archive bytes", model.data[: model.end] + bytes(rest)


def _metadata(model: Mutator, dice: random.Random) -> tuple[str, bytes]:
    named = [p for p in model.find("elements", ".data") if _identifier(model.data, p) == METADATA_IDENTIFIER]
    if not named:
        return _truncation(model, dice)
    place = named[0]
    inner = model.data[place.position : place.position + place.size]
    data = bytearray(model.data)
    what = []
    for _ in range(dice.choice((1, 1, 2, 4))):
        inside = dice.choice(list(places(inner, MODEL_METADATA)))
        position = place.position + inside.position + dice.randrange(max(inside.size, 1))
        data[position] = dice.randrange(256)
        what.append(inside.path)
    return f"metadata {what}", bytes(data)


def _identifier(data: bytes, place: Place) -> bytes:
    return data[place.position + 4 : place.position + 8]


#: Ways to damage a model.
KINDS: dict[str, Callable[[Mutator, random.Random], tuple[str, bytes]]] = {
    "one byte": _one_byte,
    "few bytes": _few_bytes,
    "word": _word,
    "quantization byte": _quantization,
    "scale": _scale,
    "zero point": _zero_point,
    "scalar": _scalar,
    "option": _option,
    "index": _index,
    "shape": _shape,
    "length": _length,
    "offset": _offset,
    "operand": _operand_constant,
    "constants": _constants,
    "order": _reorder,
    "rebuilt": _rebuilt,
    "tensor type": _tensor_type,
    "floats": _floats,
    "truncation": _truncation,
    "archive": _archive,
    "metadata": _metadata,
}
_TURNS = (
    *KINDS,
    *["one byte"] * 6,
    "few bytes",
    "word",
    "word",
    *["option"] * 4,
    "index",
    "index",
    *["floats"] * 5,
    *["operand"] * 4,
)


def try_in_child(target: Target, data: bytes) -> Outcome:
    """Try a mutant in a process of its own, which is ended if it takes too long."""
    reading, writing = os.pipe()
    started = time.monotonic()
    with warnings.catch_warnings():
        # Python warns of threads that a child would miss; the child only runs the target.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.close(reading)
        _run_child(target, data, writing)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], HANG_S)
    message = os.read(reading, 65536) if ready else b""
    os.close(reading)
    if not ready:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime if ready else time.monotonic() - started
    rss = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if not ready:
        return Outcome("hang", "", seconds, rss)
    if os.WIFSIGNALED(status) or not message:
        return Outcome("signal", str(os.WTERMSIG(status)), seconds, rss)
    result, detail = json.loads(message)
    return Outcome(result, detail, seconds, rss)


def _run_child(target: Target, data: bytes, writing: int) -> None:
    import resource  # not on Windows, where nothing forks

    try:
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        result, detail = try_here(target, data)
        os.write(writing, json.dumps([result, detail[:2000]]).encode())
    finally:
        os._exit(0)


def try_here(target: Target, data: bytes) -> tuple[str, str]:
    """Try a mutant in this process."""
    try:
        target(data)
    except YamjitError as error:
        return type(error).__name__, str(error)
    except BaseException as error:  # noqa: BLE001
        return "foreign", repr(error)
    return "accepted", ""


def _share(job: tuple[Mapping[str, bytes], str, int, Sequence[int]]) -> list[tuple[str, str, Outcome]]:
    models, target_name, seed, indices = job
    target, names = _load_target(target_name), list(models)
    target(models[names[0]])
    mutators = {name: Mutator(data) for name, data in models.items()}
    found = []
    for index in indices:
        name = names[index % len(names)]
        mutant = mutators[name].mutant(seed, index)
        found.append((mutant.kind, f"{index}, {name}: {mutant.what}", try_in_child(target, mutant.data)))
    return found


def _load_target(name: str) -> Target:
    module, _, function = name.partition(":")
    target: Target = getattr(importlib.import_module(module), function)
    return target


def campaign(
    models: Mapping[str, bytes], target: str, count: int, seed: int, jobs: int = 1, list_all: bool = False
) -> dict[str, Any]:
    """Try mutants of models, each in a process of its own.

    Parameters
    ----------
    models : mapping of str to bytes
        Sound models, which take turns, by their names.
    target : str
        What to try, as ``module:function``; it gets the bytes.
    count, seed, jobs : int
    list_all : bool
        Whether to list every outcome.

    Returns
    -------
    dict
        How many gave what, the slowest, the largest resident set, and the offenders.
    """
    shares = [(models, target, seed, range(job, count, jobs)) for job in range(jobs)]
    if jobs == 1:
        parts = [_share(shares[0])]
    else:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            parts = pool.map(_share, shares)
    found = [item for part in parts for item in part]
    summary: dict[str, Any] = {"target": target, "mutants": count, "seed": seed, **summarized(found)}
    if list_all:
        summary["all"] = [(kind, what, outcome.result, outcome.detail) for kind, what, outcome in found]
    return summary


def summarized(found: Sequence[tuple[str, str, Outcome]]) -> dict[str, Any]:
    """Return how many mutants gave what, the slowest, the largest resident set, and the offenders."""
    return {
        "results": dict(sorted(collections.Counter(outcome.result for _, _, outcome in found).items())),
        "accepted": dict(sorted(collections.Counter(k for k, _, o in found if o.result == "accepted").items())),
        "slow": sum(outcome.seconds > SLOW_S for _, _, outcome in found),
        "slowest_s": round(max(outcome.seconds for _, _, outcome in found), 3),
        "max_rss_mb": round(max(outcome.rss_bytes for _, _, outcome in found) / 1e6, 1),
        "offenders": list(_offenders(found))[:20],
    }


def _offenders(found: Sequence[tuple[str, str, Outcome]]) -> Iterator[list[Any]]:
    for kind, what, outcome in found:
        if outcome.result in ("foreign", "signal", "hang") or outcome.seconds > SLOW_S:
            yield [kind, what, outcome.result, outcome.detail, round(outcome.seconds, 2)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign and print its line."""
    parser = argparse.ArgumentParser(prog="python -m tools.checks.fuzz_models", description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL", help="a sound .tflite file")
    parser.add_argument("--family", action="store_true", help="small models of every kind but int8, made here")
    parser.add_argument("--count", type=int, default=1000, help="mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=99, help="of the damage (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--target", default="tools.checks.fuzz_models:run_model", help="module:function to try")
    parser.add_argument("--list", action="store_true", help="list every outcome")
    options = parser.parse_args(arguments)
    models = {path.name: path.read_bytes() for path in options.models}
    if options.family:
        models |= {name: write_graph(graph) for name, graph in family_models().items()}
    if not models:
        parser.error("name a model, or say --family")
    summary = campaign(models, options.target, options.count, options.seed, options.jobs, options.list)
    print(json.dumps(summary))
    return 1 if summary["offenders"] else 0


if __name__ == "__main__":
    sys.exit(main())
