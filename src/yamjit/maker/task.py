"""A head that is trained on labelled recordings: its evaluation, its scores, and the files it is exported to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.disk import describe
from yamjit.errors import InputError, OutputError
from yamjit.keywords import explained
from yamjit.learn.evaluation import clip_scores
from yamjit.learn.features import Features
from yamjit.learn.fitting import FitOptions, fit_head
from yamjit.loading import load
from yamjit.maker.config import ExportFormat, QuantizationConfig, export_formats
from yamjit.maker.data_loader import DataLoader
from yamjit.maker.exporting import json_of, tflite_model, without_metadata
from yamjit.maker.model_spec import get
from yamjit.maker.serving import ServingModel
from yamjit.maker.tensors import Tensor
from yamjit.maker.yamnet_spec import YamNetSpec
from yamjit.trained.heads import Head
from yamjit.writing import write_whole

__all__ = ["AudioClassifier", "create"]

Float32 = npt.NDArray[np.float32]

#: Standard deviation of the noise that is added to embeddings in training, as in Model Maker.
_NOISE = 0.2

#: Least score whose logarithm is taken, as in Keras.
_LEAST = 1e-7


@explained
class AudioClassifier:
    """A classifier of sounds of one's own: YAMNet's embedding, and a head with a softmax.

    Made by `create`.

    Parameters
    ----------
    model_spec : YamNetSpec
        Network, and how recordings are cut into frames.
    index_to_label : sequence of str
        Names of the classes.
    """

    def __init__(self, model_spec: YamNetSpec, index_to_label: Sequence[str]) -> None:
        self.model_spec = checks.instance(model_spec, "model_spec", YamNetSpec)
        self.index_to_label = list(checks.elements(index_to_label, "index_to_label", "names"))
        if len(self.index_to_label) < 2:
            raise InputError(f"{len(self.index_to_label)} classes; two or more are accepted")
        self._head: Head | None = None
        self._taught: Features | None = None

    def __repr__(self) -> str:
        trained = "not trained" if self._head is None else "trained"
        return f"<AudioClassifier: {self.num_classes} classes, {trained}>"

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.index_to_label)

    @property
    def head(self) -> Head:
        """Trained head; `InputError` before it is trained."""
        if self._head is None:
            raise InputError("the model has not been trained; call train, or create with do_train=True")
        return self._head

    def train(
        self, train_data: DataLoader, validation_data: DataLoader | None = None, epochs: int = 5, batch_size: int = 32
    ) -> AudioClassifier:
        """Train the head on the frames of recordings.

        Parameters
        ----------
        train_data : DataLoader
            Recordings of every class.
        validation_data : DataLoader, optional
            Recordings by which the best of the epochs is chosen; by default the last one.
        epochs : int > 0
            Largest number of passes over the data: iterations of L-BFGS, each of which sees all frames.
        batch_size : int > 0
            Checked, but without influence: an iteration sees all frames.

        Raises
        ------
        InputError
            If there are fewer recordings than `batch_size`, or a class has no frames.
        """
        checks.instance(train_data, "train_data", DataLoader)
        checks.instance(validation_data, "validation_data", DataLoader, type(None))
        checks.whole(batch_size, "batch_size", 1)
        checks.whole(epochs, "epochs", 1, 10**6)
        if len(train_data) < batch_size:
            raise InputError(
                f"The size of the train_data ({len(train_data)}) couldn't be smaller than batch_size ({batch_size}). "
                "To solve this problem, set the batch_size smaller or increase the size of the train_data."
            )
        taught = self._named(train_data)
        taught.dataset.check_learnable()
        held_out = self._named(validation_data) if validation_data is not None and len(validation_data) else None
        fitted = fit_head(
            self.index_to_label,
            _means(taught).samples(),
            FitOptions("softmax", iterations=epochs, patience=epochs, embedding_noise=_NOISE),
            validation=None if held_out is None else _means(held_out).samples(),
        )
        self._head, self._taught = fitted.head, taught
        return self

    def evaluate(self, data: DataLoader, batch_size: int = 32) -> list[float]:
        """Return the loss, a mean cross-entropy, and the accuracy: the share of frames whose class is named.

        Parameters
        ----------
        data : DataLoader
            Recordings with their classes.
        batch_size : int
            Without influence.
        """
        del batch_size
        truth, scores = self._scored(data)
        of_truth = scores[np.arange(len(truth)), truth].astype(np.float64)
        return [float(-np.log(np.clip(of_truth, _LEAST, 1)).mean()), float((scores.argmax(axis=1) == truth).mean())]

    def predict(self, data: DataLoader) -> Float32:
        """Return the scores of the frames of recordings, one after the other [shape=(n, classes), float32].

        Parameters
        ----------
        data : DataLoader
            Recordings; their classes do not matter.
        """
        return self.head.scores(_means(checks.instance(data, "data", DataLoader).features()).embeddings)

    def predict_top_k(self, data: DataLoader, k: int = 1, batch_size: int = 32) -> list[list[tuple[str, float]]]:
        """Return the highest classes of each frame, with their scores.

        Parameters
        ----------
        data : DataLoader
            Recordings; their classes do not matter.
        k : int
            Number of classes.
        batch_size : int
            Without influence.
        """
        del batch_size
        k = checks.whole(k, "k", 0, self.num_classes)
        scores = self.predict(data)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [
            [(self.index_to_label[place], float(row[place])) for place in best]
            for row, best in zip(scores, order, strict=True)
        ]

    def confusion_matrix(self, data: DataLoader, batch_size: int = 32) -> Tensor:
        """Count the frames of each class by the class that they are named [shape=(classes, classes), int64].

        Parameters
        ----------
        data : DataLoader
            Recordings with their classes: a row for each.
        batch_size : int
            Without influence.
        """
        del batch_size
        truth, scores = self._scored(data)
        counts = np.zeros((self.num_classes, self.num_classes), np.int64)
        np.add.at(counts, (truth, scores.argmax(axis=1)), 1)
        return Tensor.of(counts)

    def evaluate_tflite(
        self,
        tflite_filepath: str | os.PathLike[str],
        data: DataLoader,
        postprocess_fn: Callable[[list[Tensor]], Any] | None = None,
    ) -> dict[str, float]:
        """Return the accuracy of an exported model, whose scores of the windows of a frame are averaged.

        Parameters
        ----------
        tflite_filepath : path
            File of the model.
        data : DataLoader
            Recordings with their classes.
        postprocess_fn : callable, optional
            Function from the scores of all outputs [shape=(1, classes)] to those that count; by default the last.
        """
        model = load(checks.path(tflite_filepath, "tflite_filepath"))
        dataset = self._named(data).dataset
        truth, right = dataset.targets().argmax(axis=1), 0
        for clip, place in zip(dataset.clips, truth, strict=True):
            heads = model.classify(clip.path, reading=clip.reading()).heads
            outputs = [Tensor.of(head.clip_scores[np.newaxis]) for head in heads]
            right += int(np.argmax(postprocess_fn(outputs) if postprocess_fn else outputs[-1])) == place
        return {"accuracy": float(right / len(truth))}

    def create_serving_model(self) -> ServingModel:
        """Return the model as a function of one window of samples."""
        return ServingModel(self.model_spec, self.head)

    def export(
        self,
        export_dir: str | os.PathLike[str],
        tflite_filename: str = "model.tflite",
        label_filename: str = "labels.txt",
        saved_model_filename: str = "saved_model",
        export_format: ExportFormat | Sequence[ExportFormat] | None = None,
        with_metadata: bool = True,
        export_metadata_json_file: bool = True,
        quantization_config: str | QuantizationConfig | None = "default",
    ) -> None:
        """Write the model, or the names of its classes.

        Parameters
        ----------
        export_dir : path
            Folder of the files, which is made if there is none.
        tflite_filename : str
            Name of the model's file.
        label_filename : str
            Name of the file with a class in each line.
        saved_model_filename : str
            Not used: a SavedModel cannot be written.
        export_format : ExportFormat or sequence of ExportFormat, optional
            TFLITE, which is the default, LABEL, or both.
        with_metadata : bool
            Whether the model says what it is and names its classes.
        export_metadata_json_file : bool
            Whether the metadata are written as JSON as well, beside the model.
        quantization_config : "default", QuantizationConfig or None
            How the weights are written: by default the network's as the integers that they are, and the head's in
            floating point; None stands for floating point throughout.

        Raises
        ------
        InputError
            If a format cannot be written.
        OutputError
            If a file cannot be written.
        """
        del saved_model_filename
        formats = export_formats(export_format)
        folder = checks.path(export_dir, "export_dir")
        files: dict[str, bytes] = {}
        if ExportFormat.TFLITE in formats:
            name = checks.text(tflite_filename, "tflite_filename", 255).removesuffix(".tflite")
            if name in ("", tflite_filename):
                raise InputError(f"tflite_filename is {tflite_filename!r}; a name with '.tflite' is accepted")
            model = tflite_model(self.model_spec, self.head, self._taught, quantization_config)
            if not checks.flag(with_metadata, "with_metadata"):
                model = without_metadata(model)
            elif checks.flag(export_metadata_json_file, "export_metadata_json_file"):
                files[f"{name}.json"] = json_of(model)
            files[f"{name}.tflite"] = model
        if ExportFormat.LABEL in formats:
            labels = "\n".join(self.index_to_label)
            files[checks.text(label_filename, "label_filename", 255, empty=False)] = labels.encode()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                write_whole(folder / name, content)
        except (OSError, ValueError) as error:
            raise OutputError(f"{folder}: {describe(error)}") from error

    def _named(self, data: DataLoader) -> Features:
        """Return the frames of recordings, with the classes of the model; each of theirs must be one."""
        strange = [name for name in data.index_to_label if name not in self.index_to_label]
        if strange:
            known = ", ".join(self.index_to_label)
            raise InputError(f"the data have a class {strange[0]!r}; the classes of the model are {known}")
        features = data.features()
        return replace(features, dataset=replace(features.dataset, classes=tuple(self.index_to_label)))

    def _scored(self, data: DataLoader) -> tuple[npt.NDArray[np.intp], Float32]:
        """Return the class of each frame, and its scores."""
        features = self._named(checks.instance(data, "data", DataLoader))
        return features.dataset.targets().argmax(axis=1), self.head.scores(_means(features).embeddings)


def _means(features: Features) -> Features:
    """Return one embedding for each frame: the mean of those of its windows."""
    count = len(features.dataset)
    means = clip_scores(features.embeddings, features.clips, count, "mean").astype(np.float32)
    return replace(features, embeddings=means, clips=np.arange(count))


@explained
def create(
    train_data: DataLoader,
    model_spec: YamNetSpec | str,
    validation_data: DataLoader | None = None,
    batch_size: int = 32,
    epochs: int = 5,
    model_dir: str | os.PathLike[str] | None = None,
    do_train: bool = True,
    train_whole_model: bool = False,
) -> AudioClassifier:
    """Train a classifier of sounds of one's own.

    Parameters
    ----------
    train_data : DataLoader
        Recordings of every class.
    model_spec : YamNetSpec or "audio_yamnet"
        Network, and how recordings are cut into frames.
    validation_data : DataLoader, optional
        Recordings by which the best of the epochs is chosen; by default the last one.
    batch_size : int > 0
        Checked, but without influence: an epoch sees all frames at once.
    epochs : int > 0
        Largest number of passes over the data.
    model_dir : path, optional
        Not used: nothing is kept while a head is trained.
    do_train : bool
        Whether the head is trained; else `AudioClassifier.train` does it later.
    train_whole_model : False
        True is not accepted: YAMNet's own weights are integers, and stay as they are.

    Returns
    -------
    AudioClassifier

    Raises
    ------
    InputError
        If there are fewer recordings than `batch_size`, or a class has no frames.
    """
    del model_dir
    if checks.flag(train_whole_model, "train_whole_model"):
        raise InputError("train_whole_model is True; only a head is trained, since YAMNet's weights are integers")
    checks.instance(train_data, "train_data", DataLoader)
    model = AudioClassifier(get(model_spec), train_data.index_to_label)
    if checks.flag(do_train, "do_train"):
        model.train(train_data, validation_data, epochs, batch_size)
    return model
