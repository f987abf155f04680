"""Commands to begin with, for each verb; the tests run them as they stand."""

from __future__ import annotations

__all__ = ["EXAMPLES", "examples_text"]

#: Verb -> commands.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "classify": (
        "yamjit classify siren.flac",
        "yamjit classify siren.flac --windows --top 1",
        "yamjit classify recordings -o results.csv --jobs 2",
    ),
    "events": (
        "yamjit events siren.flac --on 0.3 --max-gap 2",
        "yamjit events recordings -o events.csv",
    ),
    "segments": ("yamjit segments recordings -o clips --on 0.4 --padding 1",),
    "embed": (
        "yamjit embed siren.flac -o siren.npz",
        "yamjit embed recordings -o embeddings",
    ),
    "index": ("yamjit index embeddings -o archive.yamindex",),
    "search": ("yamjit search archive.yamindex siren.flac -n 3",),
    "spectrogram": ("yamjit spectrogram siren.flac -o spectrogram.png",),
    "plot": ("yamjit plot siren.flac -o overview.png",),
    "train": ("yamjit train labelled -o mine.tflite",),
    "evaluate": ("yamjit evaluate labelled --model mine.tflite",),
    "calibrate": ("yamjit calibrate labelled --model mine.tflite -o calibrated.tflite",),
    "export": ("yamjit export --weights npz -o weights.npz",),
    "metadata": ("yamjit metadata show mine.tflite",),
    "labels": ("yamjit labels siren",),
    "info": ("yamjit info starter", "yamjit info mine.tflite --full"),
    "bench": ("yamjit bench --time 1",),
}


def examples_text(verb: str) -> str:
    """Return the examples of a verb as a part of its help; empty if there are none."""
    commands = EXAMPLES.get(verb, ())
    heading = "example:" if len(commands) == 1 else "examples:"
    return "\n".join((heading, *(f"  {command}" for command in commands), "")) if commands else ""
