"""Verbs and options of other programs, and those here that do the same.

The programs are those that people come from: BirdNET-Analyzer, whisper, ffmpeg, SoX, panns_inference, MediaPipe and the
sample programs of TFLite.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

__all__ = ["VERBS_ELSEWHERE", "options_meant", "reasons_for_none"]

#: Verb -> what it is called elsewhere.
VERBS_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "classify": ("analyze", "analyse", "predict", "infer", "inference", "recognize", "tag", "identify", "name", "run"),
    "events": ("detect", "detection", "find", "timeline", "transcribe"),
    "segments": ("cut", "split", "extract", "clips", "clip", "slice"),
    "listen": ("live", "stream", "mic", "microphone", "record", "monitor", "watch"),
    "serve": ("server", "service", "http", "api", "rest", "daemon", "web-server"),
    "embed": ("embedding", "embeddings", "features"),
    "search": ("similar", "nearest", "query", "knn"),
    "spectrogram": ("mel", "log-mel", "melspectrogram"),
    "plot": ("draw", "picture", "visualize", "visualise"),
    "train": ("fit", "learn", "finetune", "retrain"),
    "evaluate": ("eval", "test", "validate", "score", "accuracy"),
    "export": ("convert", "save"),
    "labels": ("label", "classes", "class", "list", "categories", "names"),
    "info": ("model", "models", "describe", "show", "inspect", "summary"),
    "doctor": ("check", "diagnose", "system", "env"),
    "bench": ("benchmark", "speed", "profile"),
    "fetch": ("download", "get", "pull", "install"),
    "completion": ("complete", "autocomplete"),
}

#: Options here, the first that a verb has is meant -> words for them elsewhere, without hyphens before them.
_WORDS = """\
--on --threshold: threshold thresh min-conf min-confidence conf confidence score min-score score-threshold on
--on --threshold: detection-threshold min-threshold confidence-threshold minconf cutoff sensitivity
--output: o out outfile out-file output-file outdir out-dir output-dir output-folder dest save save-dir save-to results
--format: f fmt output-format output-type rtype result-type type export of
--jobs --threads: j jobs workers num-workers n-workers processes procs n-jobs parallel cpus
--threads --jobs: num-threads n-threads cpu-threads
--top: k n top-k topk top-n topn num-results n-results max-labels num-labels limit
--locale: l lang language labels-language locale-code
--hop: step stride hop-length hop-size hop-sec interval
--start: ss offset from begin seek start-time start-s skip
--end --for: to t until end-time end-s duration dur length time max-duration
--allow: allowlist whitelist include only class classes label labels category-allowlist filter slist classlist select
--deny: denylist blacklist exclude ignore category-denylist except
--min-dbfs: min-volume silence-threshold noise-gate gate min-db
--max-gap: merge merge-gap gap max-silence
--min-duration: min-length min-event min-dur
--time-zone: tz utc
--padding: pad pre-roll context margin
--hold: cooldown release post-roll
--smoothing: smooth median-filter moving-average window
--model: m model-path model-file model-name weights checkpoint ckpt classifier tflite net
--quiet: silent s no-progress no-progress-bar
--overwrite: force y yes clobber
--resume: continue skip-existing skip-existing-results no-clobber
--raw: sample-format pcm input-format encoding
--rate: r sample-rate samplerate sr ar
--channels: ac channel-count
--channel: ac mono stereo
--device: d mic microphone input-device audio-device
--list-devices: devices list-audio-devices list-microphones
--windows: per-window chunks frames timestamps word-timestamps all-windows
--aggregate: pool pooling combine reduce
--head: head-name output-name output-index
--iterations: epochs n-epochs steps max-iter max-epochs
--copies: augment augmentation
--validation --folds: val-split test-size validation-split
--folds: cv k-folds kfold
--seed: random-state random-seed
--report --json: metrics figures
--backend: engine accelerator delegate runtime
--time: seconds duration
"""

#: Why there is no such option here -> words for it elsewhere.
_REASONS = """\
recordings are given bare: i in input inputs file files audio audio-file input-file path
folders are searched at every depth; no option is needed: recursive recurse subfolders
yamjit runs on the processor; --jobs and --threads say on how many cores: device gpu cuda fp16 half use-gpu no-gpu cpu
recordings of any rate and number of channels are converted; no option is needed: sample-rate samplerate sr ar rate r
recordings of any rate and number of channels are converted; no option is needed: ac mono channels
the model knows no species, and is told neither place nor season: lat lon latitude longitude week species species-list
windows are batched by themselves; no option is needed: b bs batch batch-size batchsize
the names of classes are in the model: labels label-file labels-file labelmap label-map
results go to standard output: > FILE keeps them: output o out outfile
what is odd is said in any case, on standard error, unless --quiet is given: v verbose log-level loglevel
"""


@functools.cache
def options_meant() -> Mapping[str, tuple[str, ...]]:
    """Return the options here that a word for one elsewhere may mean, in the order of their likelihood."""
    found: dict[str, tuple[str, ...]] = {}
    for flags, word in _by_word(_WORDS):
        found[word] = (*found.get(word, ()), *flags.split())
    return found


@functools.cache
def reasons_for_none() -> Mapping[str, str]:
    """Return why there is no option here for a word that is one elsewhere."""
    return {word: reason for reason, word in _by_word(_REASONS)}


def _by_word(table: str) -> Iterator[tuple[str, str]]:
    for line in table.splitlines():
        meaning, _, words = line.rpartition(": ")
        yield from ((meaning, word) for word in words.split())
