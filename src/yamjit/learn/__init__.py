"""Learning from one's own recordings: datasets, heads, evaluation, calibration, and models that other tools load.

>>> from yamjit import learn, load
>>> model = load()
>>> features = learn.embed_clips(model, learn.from_folder("birds"), cache=learn.EmbeddingCache())
>>> print(learn.cross_validate(features).text())
>>> head = learn.train_head(features).head
>>> birds = learn.export_model(model, head, features, learn.ModelCard(name="birds"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yamjit.learn.augment import Augmentation, augmented
    from yamjit.learn.baking import bake_calibration
    from yamjit.learn.calibrating import (
        Isotonic,
        cross_calibrate,
        fit_isotonic,
        fit_sigmoids,
        thresholds_for_precision,
    )
    from yamjit.learn.choice import CandidateFigures, Choice
    from yamjit.learn.choosing import choose_features
    from yamjit.learn.class_folders import from_folder
    from yamjit.learn.dataset import Clip, Dataset
    from yamjit.learn.embedding import candidate_features, embed_candidates, embed_clips
    from yamjit.learn.embedding_cache import EmbeddingCache
    from yamjit.learn.estimators import YAMNetClassifier, YAMNetEmbedder
    from yamjit.learn.evaluation import Evaluation
    from yamjit.learn.export import export_model
    from yamjit.learn.features import Features
    from yamjit.learn.fine import FineEmbeddings, fine_embeddings
    from yamjit.learn.fitting import FitOptions
    from yamjit.learn.label_files import from_labels
    from yamjit.learn.leakage import clips_trained_on
    from yamjit.learn.model_evaluation import evaluate_model
    from yamjit.learn.prototypes import UNKNOWN, Prototypes
    from yamjit.learn.short_sounds import anywhere, with_copies
    from yamjit.learn.sklearn_models import head_from_sklearn
    from yamjit.learn.tables import from_csv
    from yamjit.learn.training import TrainOptions, cross_validate, evaluate_head, train_head
    from yamjit.learn.transforms import Fade, FrequencyMask, Gain, Noise, Place, Shift, Speed, TimeMask, Trim, mix
    from yamjit.trained.heads import Head

__all__ = [
    "UNKNOWN", "Augmentation", "CandidateFigures", "Choice", "Clip", "Dataset", "EmbeddingCache", "Evaluation",
    "Fade", "Features", "FineEmbeddings", "FitOptions", "FrequencyMask", "Gain", "Head", "Isotonic", "ModelCard",
    "Noise", "Place", "Prototypes", "Shift", "Speed", "TimeMask", "TrainOptions", "Trim", "YAMNetClassifier",
    "YAMNetEmbedder", "anywhere", "augmented", "bake_calibration", "candidate_features", "choose_features",
    "clips_trained_on", "cross_calibrate", "cross_validate", "embed_candidates", "embed_clips", "evaluate_head",
    "evaluate_model", "export_head", "export_model", "fine_embeddings", "fit_isotonic", "fit_sigmoids", "from_csv",
    "from_folder", "from_labels", "head_from_sklearn", "mix", "thresholds_for_precision", "train_head",
    "with_copies",
]  # fmt: skip

_ROOMS = {
    "learn.augment": "Augmentation augmented",
    "learn.baking": "bake_calibration",
    "learn.calibrating": "Isotonic cross_calibrate fit_isotonic fit_sigmoids thresholds_for_precision",
    "learn.choice": "CandidateFigures Choice",
    "learn.choosing": "choose_features",
    "learn.class_folders": "from_folder",
    "learn.dataset": "Clip Dataset",
    "learn.embedding": "candidate_features embed_candidates embed_clips",
    "learn.embedding_cache": "EmbeddingCache",
    "learn.estimators": "YAMNetClassifier YAMNetEmbedder",
    "learn.evaluation": "Evaluation",
    "learn.export": "export_model",
    "learn.features": "Features",
    "learn.fine": "FineEmbeddings fine_embeddings",
    "learn.fitting": "FitOptions",
    "learn.label_files": "from_labels",
    "learn.leakage": "clips_trained_on",
    "learn.model_evaluation": "evaluate_model",
    "learn.prototypes": "UNKNOWN Prototypes",
    "learn.short_sounds": "anywhere with_copies",
    "learn.sklearn_models": "head_from_sklearn",
    "learn.tables": "from_csv",
    "learn.training": "TrainOptions cross_validate evaluate_head train_head",
    "learn.transforms": "Fade FrequencyMask Gain Noise Place Shift Speed TimeMask Trim mix",
    "trained.alone": "ModelCard export_head",
    "trained.heads": "Head",
}
_HOMES = {name: f"yamjit.{room}" for room, names in _ROOMS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
