"""What heads on inner layers hear that heads on the embedding do not: ``python -m benchmarks.fine_sounds --help``.

For each set of recordings, heads are trained as ``yamjit train`` does, and as it did before: on the embedding, without
copies. Groups (voices, speakers, kits, folds) are never divided between training and test, and features are chosen
without what is tested. Recordings are heard from their start, or with short sounds anywhere in a window; by the head in
floating point, and by the exported int8 model. Words are spoken by espeak-ng. Also: words at random times in noise.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from benchmarks.spoken_words import OTHERS, WORDS, keywords
from yamjit import Classifier, EventOptions, ReadOptions, load
from yamjit.learn import (
    Clip,
    Dataset,
    EmbeddingCache,
    FitOptions,
    TrainOptions,
    anywhere,
    choose_features,
    embed_candidates,
    evaluate_model,
    export_model,
    from_csv,
    train_head,
    with_copies,
)
from yamjit.learn.evaluation import joined
from yamjit.learn.short_sounds import DEFAULT_COPIES
from yamjit.learn.training import evaluate_folds, train_folds
from yamjit.spec import EMBEDDING

__all__ = ["BEFORE", "NOW", "Figures", "Heard", "Setting", "drums", "measure", "stream"]


class Setting(NamedTuple):
    """How heads are trained: the features to choose from, None for all; and copies of each short sound."""

    name: str
    features: tuple[str, ...] | None
    copies: int


BEFORE = Setting("embedding, no copies", (EMBEDDING,), 0)
NOW = Setting("chosen, with copies", None, DEFAULT_COPIES)

#: Kinds of drums; the folder also has loops, which are none of them.
_DRUMS = ("hihat", "kick", "snare", "tom1", "tom2", "tom3")

#: Length of the stream, the level of words above its noise, and how far an event may be from its word.
_STREAM_S, _SNR_DB, _NEAR_S = 600, 20.0, 0.3
_RATE = 16_000


class Figures(NamedTuple):
    """Accuracies of clips that were held out, and the features that the head of each fold was trained on."""

    aligned: float
    anywhere: float
    exported: float
    exported_anywhere: float
    features: tuple[str, ...]

    def __str__(self) -> str:
        shown = " ".join(f"{100 * value:6.1f}" for value in self[:-1])
        return f"{shown}  {', '.join(f'{name} {n}' for name, n in Counter(self.features).most_common())}"


class Heard(NamedTuple):
    """What is heard in a stream: of how many words, how many; and how many events an hour that are none of them."""

    found: int
    wanted: int
    false_alarms_per_hour: float
    features: str

    def __str__(self) -> str:
        words = f"{self.found} of {self.wanted} words found"
        return f"{words}, {self.false_alarms_per_hour:.0f} false alarms an hour ({self.features})"


def measure(
    model: Classifier,
    dataset: Dataset,
    setting: Setting,
    folds: int | None = None,
    options: TrainOptions | None = None,
    seeds: Sequence[int] = (0,),
) -> Figures:
    """Return what heads reach on clips that are held out; anywhere in a window as the mean over `seeds` of places."""
    heard = embed_candidates(model, dataset, features=setting.features, cache=EmbeddingCache())
    learned = with_copies(model, heard, setting.copies)
    heads = train_folds(learned, options, folds=folds)
    moved = [evaluate_folds(heads, anywhere(model, heard, seed=seed))["mean"].accuracy for seed in seeds]
    parts, moved_parts = [], []
    for one in heads:
        taught = [k for k in dataset.teaching() if k not in set(one.clips)]
        written = load(export_model(model, one.head, learned[one.head.features].select(taught)), threads=model.threads)
        tested = replace(dataset, clips=tuple(dataset.clips[k] for k in one.clips))
        parts.append(evaluate_model(written, tested)[0])
        moved_parts.append(evaluate_model(written, tested, anywhere=seeds[0])[0])
    names = [one.fold for one in heads]
    return Figures(
        evaluate_folds(heads, heard)["mean"].accuracy,
        float(np.mean(moved)),
        joined(parts, names).accuracy,
        joined(moved_parts, names).accuracy,
        tuple(one.head.features for one in heads),
    )


def drums(folder: Path) -> Dataset:
    """Return the drums of a folder that has a folder for each kit, with a file for each kind of drum."""
    paths = sorted(path for kind in _DRUMS for path in folder.glob(f"*/{kind}.mp3"))
    clips = tuple(Clip(path, (path.stem,), group=path.parent.name) for path in paths)
    return Dataset(clips, tuple(sorted({clip.labels[0] for clip in clips})), source=str(folder))


def stream(model: Classifier, folder: Path, setting: Setting, on: float, seed: int = 0) -> Heard:
    """Return how many words in noise are found, and how many events are none of them.

    Heads know other words as well, and noise. The words of the stream are of voices that they have not learned from;
    half of them are none of the keywords.
    """
    dice = np.random.Generator(np.random.PCG64(seed))
    spoken = keywords(folder, (*WORDS, *OTHERS))
    clips = tuple(replace(clip, labels=tuple(set(clip.labels) & set(WORDS))) for clip in spoken.clips)
    hiss = Path(folder / "noise.wav")
    soundfile.write(hiss, 0.01 * dice.standard_normal(20 * _RATE), _RATE)
    noise = tuple(
        Clip(hiss, (), float(start), start + 0.975, group=f"noise {start % 4}", split="train") for start in range(19)
    )
    dataset = Dataset(clips + noise, tuple(sorted(WORDS)))
    learned = with_copies(model, embed_candidates(model, dataset, features=setting.features), setting.copies)
    choice = choose_features(learned)
    taught = learned[choice.name].select(dataset.teaching())
    options = TrainOptions().with_decay(choice.weight_decay)
    written = load(export_model(model, train_head(taught, options).head, taught))
    samples, truth = _in_noise([clip for clip in clips if clip.split == "test"], dice)
    found = written.events(
        samples, EventOptions(on=on, max_gap_s=0.25), sample_rate=_RATE, reading=ReadOptions(hop_s=0.24)
    )
    hit: set[int] = set()
    false = 0
    for event in found:
        near = [
            k
            for k, (label, start, end) in enumerate(truth)
            if label == event.label and event.start_s < end + _NEAR_S and event.end_s > start - _NEAR_S
        ]
        hit.update(near)
        false += not near
    hours = len(samples) / _RATE / 3600
    wanted = sum(bool(label) for label, *_ in truth)
    return Heard(len(hit), wanted, false / hours, choice.name)


def _in_noise(clips: Sequence[Clip], dice: np.random.Generator) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Return noise with words at random times, and the label of each, its start and its end in seconds."""
    chosen = [clips[k] for k in dice.permutation(len(clips))]
    rest = dice.exponential(1.0, len(chosen) + 1)
    spoken = [soundfile.read(clip.path, dtype="float32") for clip in chosen]
    words = [_resampled(samples, rate) for samples, rate in spoken]
    gaps = 1.0 + rest / rest.sum() * (_STREAM_S - len(rest) - sum(map(len, words)) / _RATE)
    samples = np.zeros(round(_STREAM_S * _RATE), np.float32)
    truth, place = [], 0
    for clip, word, gap in zip(chosen, words, gaps, strict=False):
        place += round(gap * _RATE)
        samples[place : place + len(word)] += word
        loud = np.flatnonzero(np.abs(word) > 0.01 * np.abs(word).max())
        truth.append((clip.labels[0] if clip.labels else "", (place + loud[0]) / _RATE, (place + loud[-1]) / _RATE))
        place += len(word)
    level = np.sqrt(np.mean([np.mean(word**2) for word in words]))
    noise = (level * 10 ** (-_SNR_DB / 20) * dice.standard_normal(len(samples))).astype(np.float32)
    return samples + noise, truth


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    from yamjit.audio.resample import Resampler

    resampler = Resampler(rate, _RATE)
    return np.concatenate((resampler.push(samples[np.newaxis])[0], resampler.flush()[0]))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=Path, metavar="TABLE", help="spoken digits: file, label, group (a speaker)")
    parser.add_argument("--drums", type=Path, metavar="FOLDER", help="drum-samples of github.com/Tonejs/audio")
    parser.add_argument("--esc10", type=Path, metavar="TABLE", help="ESC-10: file, label, fold")
    parser.add_argument("--no-words", action="store_true", help="no keywords, and no stream of them")
    parser.add_argument("--weight-decay", type=float, metavar="X", help="by default it is chosen")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    model = load(threads=args.threads)
    options = TrainOptions(FitOptions(weight_decay=args.weight_decay))
    print(f"{'accuracy, %':34} aligned anywhere int8 anywhere  features of folds")
    with tempfile.TemporaryDirectory() as name:
        sets: list[tuple[str, Dataset, int | None]] = []
        if not args.no_words:
            sets.append(("keywords", keywords(Path(name) / "keywords"), None))
        if args.digits:
            digits = from_csv(args.digits)
            sets.append(("digits", digits, digits.groups()))
        if args.drums:
            kits = drums(args.drums)
            sets.append(("drums", kits, kits.groups()))
        if args.esc10:
            sets.append(("ESC-10", from_csv(args.esc10), None))
        for what, dataset, folds in sets:
            for setting in (BEFORE, NOW):
                began = time.perf_counter()
                found = measure(model, dataset, setting, folds, options, seeds=(0, 1, 2))
                print(f"{what:9} {setting.name:23} {found}  ({time.perf_counter() - began:.0f} s)", flush=True)
        for setting in () if args.no_words else (BEFORE, NOW):
            for on in (0.5, 0.8):
                told = stream(model, Path(name) / "stream", setting, on)
                print(f"stream, on {on}: {setting.name:23} {told}", flush=True)


if __name__ == "__main__":
    main()
