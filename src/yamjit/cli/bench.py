"""``yamjit bench``: the speed of this machine."""

from __future__ import annotations

import argparse
import json
import platform
import time
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.arguments import add_model
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.options import add_choice, add_flag, add_value

if TYPE_CHECKING:
    from yamjit.store import ResolvedModel

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "measure how fast this machine classifies"
DESCRIPTION = (
    "Classify noise at 16 kHz repeatedly with each backend, and report the fastest round: from samples to scores, "
    "front end and network, without decoding. The first round, which loads or compiles the kernels, is reported "
    "separately. Other programs that run at the same time make it slower. With --against litert, yamjit and a TFLite "
    "runtime that is installed (ai-edge-litert, tflite-runtime or tensorflow) take turns, one thread each, in the "
    "calls that their users write; the runtime is not confined to yamjit's instruction set."
)

#: Length of the noise in seconds; more than one window, by a whole number of hops.
_LENGTH_S = {"compiled": 120.0, "numba": 120.0, "numpy": 12.0}

_SAMPLE_RATE = 16_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    kind = values.real(0, 3600, "time in seconds", open_ends="<")
    add_value(parser, "--time", "SECONDS", kind, "time for each backend, or for each case with --against", 3.0)
    add_choice(parser, "--against", ("litert",), "compare with a TFLite runtime that is installed")
    add_flag(parser, "--json", "print the figures as a JSON object")
    add_model(parser, backend=False)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.store import resolve_model

    model = resolve_model(args.model)
    if args.against:
        return _run_against(model, args)
    found = {backend: _measure(model, backend, args) for backend in _LENGTH_S}
    if args.json:
        about = {"sha256": model.sha256, "threads": args.threads, "machine": platform.platform()}
        print(json.dumps({**about, "backends": found}, indent=1))
        return EXIT_OK
    print(f"{'backend':<10}{'first round':>13}{'windows/s':>12}{'ms/window':>12}{'times real time':>18}")
    for backend, one in found.items():
        if "problem" in one:
            print(f"{backend:<10}{one['problem']}")
            continue
        first, rate = f"{one['first_round_s']:.2f} s", one["windows_per_s"]
        print(f"{backend:<10}{first:>13}{rate:>12.0f}{1000 / rate:>12.3f}{one['times_real_time']:>18.0f}")
    return EXIT_OK


def _run_against(model: ResolvedModel, args: argparse.Namespace) -> int:
    from yamjit.cli.against import lines, measure_against
    from yamjit.errors import InputError

    if args.threads != 1:
        raise InputError(f"--threads {args.threads}: with --against, both have one thread; leave it out")
    found = measure_against(model, args.time)
    print(json.dumps({"sha256": model.sha256, **found}, indent=1) if args.json else "\n".join(lines(found)))
    return EXIT_OK


def _measure(model: ResolvedModel, backend: str, args: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    from yamjit.classifier import Classifier
    from yamjit.errors import DependencyError

    begun = time.perf_counter()
    try:
        classifier = Classifier(model, backend=backend, threads=args.threads, roles=args.roles)
    except DependencyError as error:
        return {"problem": str(error)}
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, int(_LENGTH_S[backend] * _SAMPLE_RATE)).astype(np.float32)
    rounds: list[float] = []
    while not rounds or sum(rounds[1:]) < args.time:
        start = time.perf_counter() if rounds else begun
        windows = len(classifier.classify(noise, sample_rate=_SAMPLE_RATE, windows=False))
        rounds.append(time.perf_counter() - start)
    fastest = min(rounds[1:])
    return {
        "windows": windows,
        "rounds": len(rounds) - 1,
        "first_round_s": rounds[0],
        "fastest_round_s": fastest,
        "windows_per_s": windows / fastest,
        "times_real_time": _LENGTH_S[backend] / fastest,
    }
