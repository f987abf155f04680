"""A synthetic model with two outputs and all that metadata can say of them, for tests.

The first head has YAMNet's classes by their AudioSet names and in German, and a score threshold. The second one has
a few classes of its own, names in three languages, score calibration and a score threshold.

Run ``python -m tests.support.two_heads OUT.tflite`` to write it to a file.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.synthetic import RATE_HZ, synthetic_network
from yamjit.class_map import audioset_classes
from yamjit.tflite.graph import Graph
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    FileType,
    Metadata,
    ScoreCalibration,
    ScoreThresholding,
    ScoreTransformation,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.writer import write_graph

__all__ = ["OWN_LABELS", "OWN_NAME", "YAMNET_NAME", "two_heads", "yamnet_labels"]

YAMNET_NAME, OWN_NAME = "yamnet_classification", "own_classification"
YAMNET_THRESHOLD, OWN_THRESHOLD = 0.125, 0.25

#: By locale; the first are the names of the classes. One is AudioSet's as well, one has a comma.
OWN_LABELS = {
    "": ("Kettle", "Dog", "Door bell, front", "Lift", "Background"),
    "de": ("Wasserkessel", "Hund", "Türklingel, vorn", "Aufzug", "Hintergrund"),
    "pt-BR": ("Chaleira", "Cachorro", "Campainha, frente", "Elevador", "Fundo"),
}

#: A line for each class: all four parameters, three of them, none.
OWN_CALIBRATION = "1,1.5,0.25\n0.9,2,-0.5,0.25\n\n1,0.75,0\n1,-1,0,0.015625"
OWN_TRANSFORMATION = ScoreTransformation.INVERSE_LOGISTIC
OWN_DEFAULT_SCORE = 0.0625
CALIBRATION_FILE = "own_calibration.csv"


def yamnet_labels(classes: int = 521) -> tuple[str, ...]:
    """Return the names of YAMNet's first classes."""
    placed = {known.yamnet_index: known.name for known in audioset_classes().values()}
    return tuple(placed[index] for index in range(classes))


def two_heads(seed: int = 0, classes: int = 521, width: float = 0.125) -> Graph:
    """Build a synthetic YAMNet with a second head on the same embedding.

    Parameters
    ----------
    seed, width
        As in `synthetic_yamnet`.
    classes : int in [1, 521]
        Of the first head; the second one has five.

    Returns
    -------
    Graph
        Waveform (15600,) float32 to scores (1, `classes`) and (1, 5) float32.
    """
    names = yamnet_labels(classes)
    first = _label_files(YAMNET_NAME, {"": names, "de": tuple(f"{name} (deutsch)" for name in names)})
    calibration = AssociatedFile(CALIBRATION_FILE, "Sigmoids.", FileType.TENSOR_AXIS_SCORE_CALIBRATION)
    second = {**_label_files(OWN_NAME, OWN_LABELS), calibration: OWN_CALIBRATION}
    metadata = _metadata(
        TensorMetadata(
            YAMNET_NAME, process_units=(ScoreThresholding(YAMNET_THRESHOLD),), associated_files=tuple(first)
        ),
        TensorMetadata(
            OWN_NAME,
            process_units=(ScoreCalibration(OWN_TRANSFORMATION, OWN_DEFAULT_SCORE), ScoreThresholding(OWN_THRESHOLD)),
            associated_files=tuple(second),
        ),
    )
    files = {file.name: content.encode() for file, content in (first | second).items()}
    graph, waveform, scores = synthetic_network(seed, {"": classes, "own/": len(OWN_LABELS[""])}, width)
    return graph.build([waveform], scores, description="Synthetic YAMNet", metadata=metadata, files=files)


def _label_files(name: str, labels: Mapping[str, Sequence[str]]) -> dict[AssociatedFile, str]:
    """Return the label files of a head and their content, from its labels by locale."""
    return {
        AssociatedFile(f"{name}{locale}.txt", "Labels.", FileType.TENSOR_AXIS_LABELS, locale): "\n".join(listed)
        for locale, listed in labels.items()
    }


def _metadata(*outputs: TensorMetadata) -> Metadata:
    waveform = TensorMetadata("audio_clip", "Input audio clip.", audio=AudioProperties(RATE_HZ, 1))
    return Metadata(
        name="yamjit/two heads",
        description="A network shaped like YAMNet whose weights are random: it recognises nothing.",
        min_parser_version="1.3.0",
        subgraphs=(SubgraphMetadata(inputs=(waveform,), outputs=outputs),),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the model to the file that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.two_heads", description="Write a two-headed model.")
    parser.add_argument("out", type=Path, help="the .tflite file to write")
    options = parser.parse_args(arguments)
    model = write_graph(two_heads())
    options.out.write_bytes(model)
    print(f"{options.out}: {len(model):,} bytes")


if __name__ == "__main__":
    main()
