"""``python -m starter``: from a seed to the model file, its card and the examples."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starter.card import describe_training, make_card
from starter.catalogue import LABELS
from starter.dataset import HELD_OUT, TRAINING, make_dataset
from starter.examples import make_examples
from starter.export import export

ROOT = Path(__file__).resolve().parents[1]
MODEL, CARD = Path("src/yamjit/models/starter.tflite"), Path("src/yamjit/models/starter.json")
EXAMPLES = Path("examples")
STAGES = ("model", "card", "examples")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages that the command line asks for; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        training = _make_model(options) if "model" in options.stages else None
        if "card" in options.stages:
            _make_card(options, training or _last_training(options.out / CARD))
        if "examples" in options.stages:
            for name, data in make_examples(options.seed).items():
                _write(options.out / EXAMPLES / name, data)
    except (FileNotFoundError, ModuleNotFoundError) as error:
        parser.error(str(error))
    return 0


def _make_model(options: argparse.Namespace) -> dict[str, Any]:
    """Make the windows, train, write the model; returns what the card says of it."""
    from starter.network import Training, fold, train

    started = time.monotonic()
    data = make_dataset(options.seed, TRAINING, options.windows, processes=options.processes)
    _say(f"{len(data)} windows made in {time.monotonic() - started:.0f} s")
    network = train(data, Training(options.seed, options.epochs, options.width, options.threads))
    _write(options.out / MODEL, export(fold(network, data), LABELS))
    seconds = time.monotonic() - started
    return describe_training(options.seed, options.windows, options.epochs, seconds, options.threads)


def _last_training(card: Path) -> dict[str, Any]:
    """Return what the card of an earlier run says of the training."""
    training: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))["training"]
    return training


def _make_card(options: argparse.Namespace, training: dict[str, Any]) -> None:
    """Judge the model and write its card."""
    if options.recordings is None or "YAMJIT_MODEL" not in os.environ:
        _say("real recordings are not judged: set YAMJIT_TEST_DATA and YAMJIT_MODEL")
    held_out = make_dataset(options.seed, HELD_OUT, options.held_out, processes=options.processes)
    data = (options.out / MODEL).read_bytes()
    card = make_card(data, LABELS, training, held_out, options.recordings)
    _write(options.out / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    _say(f"mean average precision {card['mean_average_precision']:.4f}")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"{path}: {len(data):,} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}", flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m starter", description="Make the starter model.")
    recordings = os.environ.get("YAMJIT_TEST_DATA") or None
    default = "(default: %(default)s)"
    parser.add_argument("--seed", type=int, default=0, help=f"of everything {default}")
    parser.add_argument("--windows", type=int, default=59_400, help=f"to train on {default}")
    parser.add_argument("--epochs", type=int, default=20, help=default)
    parser.add_argument("--width", type=float, default=0.25, help=f"factor on YAMNet's channels {default}")
    parser.add_argument("--held-out", type=int, default=6_600, help=f"windows to judge by {default}")
    parser.add_argument("--threads", type=int, default=1, help=f"of PyTorch; they decide the last bits {default}")
    parser.add_argument("--processes", type=int, help="that make windows (default: one a processor)")
    parser.add_argument("--stages", type=_stages, default=STAGES, help=f"some of {','.join(STAGES)} (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT, help="folder that gets the files (default: the repository)")
    parser.add_argument("--recordings", type=Path, default=recordings, help="default: $YAMJIT_TEST_DATA")
    return parser


def _stages(text: str) -> tuple[str, ...]:
    stages = tuple(text.split(","))
    if not set(stages) <= set(STAGES):
        raise ValueError(text)
    return stages


if __name__ == "__main__":
    sys.exit(main())
