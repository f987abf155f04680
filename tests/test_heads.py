"""What a model's outputs mean, read from metadata of all kinds, good and bad."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.two_heads import (
    CALIBRATION_FILE,
    OWN_DEFAULT_SCORE,
    OWN_LABELS,
    OWN_NAME,
    OWN_THRESHOLD,
    OWN_TRANSFORMATION,
    YAMNET_NAME,
    YAMNET_THRESHOLD,
    yamnet_labels,
)
from yamjit.class_map import find_class
from yamjit.errors import ModelError
from yamjit.head_metadata import read_heads, read_sample_rate
from yamjit.heads import HeadInfo, list_classes
from yamjit.plan import Head, Plan, Slot, compile_plan
from yamjit.store import resolve_model
from yamjit.tflite import Graph, read_graph
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    FileType,
    Metadata,
    ProcessUnit,
    ScoreCalibration,
    ScoreThresholding,
    SubgraphMetadata,
    TensorMetadata,
)

LABELS = FileType.TENSOR_AXIS_LABELS


@pytest.fixture(scope="module")
def plan(two_heads_graph: Graph) -> Plan:
    return compile_plan(two_heads_graph)


@pytest.fixture(scope="module")
def graph(two_heads_model: bytes) -> Graph:
    return read_graph(two_heads_model)


def with_outputs(graph: Graph, *outputs: TensorMetadata, **files: bytes) -> Graph:
    """Return the graph with other metadata of its outputs, and files ``name`` called "name.txt"."""
    renamed = {f"{name}.txt": content for name, content in files.items()}
    return replace(graph, metadata=Metadata(subgraphs=(SubgraphMetadata(outputs=outputs),)), files=renamed)


def own(*files: tuple[str, str], units: tuple[ProcessUnit, ...] = ()) -> tuple[TensorMetadata, TensorMetadata]:
    """Return metadata of two outputs, the second with label files of some locales."""
    listed = tuple(AssociatedFile(f"{name}.txt", type=LABELS, locale=locale) for name, locale in files)
    return TensorMetadata(), TensorMetadata("own", process_units=units, associated_files=listed)


def five(prefix: str) -> bytes:
    return "\n".join(f"{prefix}{index}" for index in range(5)).encode()


def test_every_output_is_read_by_its_position(graph: Graph, plan: Plan) -> None:
    first, second = read_heads(graph, plan)
    assert (first.name, first.index, second.name, second.index) == (YAMNET_NAME, 0, OWN_NAME, 1)
    assert first.labels == first.display_names == yamnet_labels()
    assert second.labels == second.display_names == OWN_LABELS[""]
    assert (first.score_threshold, second.score_threshold) == (YAMNET_THRESHOLD, OWN_THRESHOLD)
    assert first.calibration is None
    assert second.calibration is not None
    assert second.calibration.score_transformation == OWN_TRANSFORMATION
    assert second.calibration.default_score == OWN_DEFAULT_SCORE
    assert second.calibration.classes == 5


def test_outputs_that_are_described_in_another_order_stay_where_they_are(graph: Graph, plan: Plan) -> None:
    """Names of tensors and of metadata need not be alike: the position alone decides."""
    first, second = graph.metadata.subgraphs[0].outputs
    swapped = replace(graph, metadata=Metadata(subgraphs=(SubgraphMetadata(outputs=(second, first)),)))
    with pytest.raises(ModelError, match="has 5 lines for 521 classes"):
        read_heads(swapped, plan)
    turned = plan._replace(heads=tuple(head._replace(output=k) for k, head in enumerate(plan.heads[::-1])))
    assert [head.name for head in read_heads(swapped, turned)] == [OWN_NAME, YAMNET_NAME]


def test_ids_are_those_of_classes_with_the_same_name(graph: Graph, plan: Plan) -> None:
    first, second = read_heads(graph, plan)
    assert first.audioset_ids == tuple(find_class(label).id for label in first.labels)
    assert second.audioset_ids == ("", find_class("Dog").id, "", "", "")


@pytest.mark.parametrize(
    ("locale", "first"),
    [
        ("en", "Kettle"),  # not there: the labels
        ("", "Kettle"),
        ("de", "Wasserkessel"),
        ("DE", "Wasserkessel"),
        ("de-AT", "Wasserkessel"),
        ("de_AT", "Wasserkessel"),
        ("pt-BR", "Chaleira"),
        ("pt", "Chaleira"),
        ("pt-PT", "Chaleira"),
        ("d", "Kettle"),
    ],
)
def test_display_names_are_those_of_the_locale(graph: Graph, plan: Plan, locale: str, first: str) -> None:
    head = read_heads(graph, plan, locale)[1]
    assert head.display_names[0] == first
    assert head.labels == OWN_LABELS[""]
    assert head.audioset_ids[1] == find_class("Dog").id


def test_the_exact_locale_comes_before_the_language(graph: Graph, plan: Plan) -> None:
    files = {name: five(name) for name in ("names", "us", "plain", "gb", "late")}
    listed = (("names", ""), ("us", "en-US"), ("plain", "en"), ("gb", "en-GB"), ("late", "en"))
    more = with_outputs(graph, *own(*listed), **files)
    shown = {locale: read_heads(more, plan, locale)[1].display_names[0] for locale in ("en", "en-GB", "en-AU", "fr")}
    assert shown == {"en": "plain0", "en-GB": "gb0", "en-AU": "plain0", "fr": "names0"}


def test_crlf_label_files_leave_no_carriage_return(graph: Graph, plan: Plan) -> None:
    windows = with_outputs(
        graph, *own(("names", ""), ("de", "de")), names=b"a\r\nb\r\nc\r\nd\r\ne\r\n", de=b"1\r2\r3\r4\r5"
    )
    head = read_heads(windows, plan, "de")[1]
    assert head.labels == ("a", "b", "c", "d", "e")
    assert head.display_names == ("1", "2", "3", "4", "5")


def test_a_final_newline_in_a_calibration_file_is_no_class(graph: Graph, plan: Plan) -> None:
    for end in (b"", b"\n", b"\r\n"):
        found = read_heads(with_calibration(graph, b"1,2,3\n\n1,2,3,0.5\n0.5,1,0\n1,1,1" + end), plan)[1].calibration
        assert found is not None
        assert found.classes == 5
        assert np.isnan(found.parameters[1]).all()


def with_calibration(graph: Graph, content: bytes, units: int = 1, listed: bool = True) -> Graph:
    files = (AssociatedFile("calibration.txt", type=FileType.TENSOR_AXIS_SCORE_CALIBRATION),) if listed else ()
    tensor = TensorMetadata("own", process_units=(ScoreCalibration(),) * units, associated_files=files)
    return with_outputs(graph, TensorMetadata(), tensor, calibration=content)


def test_models_without_metadata_have_numbered_classes(graph: Graph, plan: Plan) -> None:
    for bare in (replace(graph, metadata=None, files={}), with_outputs(graph), with_outputs(graph, TensorMetadata())):
        first, second = read_heads(bare, plan)
        assert (first.name, second.name) == ("scores", "own/scores")
        assert second.labels == second.display_names == ("class 0", "class 1", "class 2", "class 3", "class 4")
        assert set(first.audioset_ids) == {""}
        assert first.calibration is first.score_threshold is None


def test_metadata_of_more_outputs_than_there_are(graph: Graph, plan: Plan) -> None:
    more = with_outputs(graph, *own(("names", "")), TensorMetadata("third"), names=five("x"))
    assert [head.name for head in read_heads(more, plan)] == ["scores", "own"]


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", 0), (five("x") + b"\ny", 6), (b"a\nb\nc\nd", 4), (b"a\nb\nc\nd\ne\n\n", 6)]
)
def test_label_files_of_another_length_are_refused(graph: Graph, plan: Plan, content: bytes, lines: int) -> None:
    with pytest.raises(ModelError, match=rf"'names\.txt' has {lines} lines for 5 classes"):
        read_heads(with_outputs(graph, *own(("names", "")), names=content), plan)
    with pytest.raises(ModelError, match=rf"'de\.txt' has {lines} lines for 5 classes"):
        read_heads(with_outputs(graph, *own(("names", ""), ("de", "de")), names=five("x"), de=content), plan, "de")


def test_files_that_are_not_there_are_refused(graph: Graph, plan: Plan) -> None:
    with pytest.raises(ModelError, match=r"a file 'names\.txt' that the model does not hold"):
        read_heads(with_outputs(graph, *own(("names", ""))), plan)
    missing = replace(graph, files={name: data for name, data in graph.files.items() if name != CALIBRATION_FILE})
    with pytest.raises(ModelError, match=CALIBRATION_FILE.replace(".", r"\.")):
        read_heads(missing, plan)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,1,1", "1 lines for 5 classes"),
        (b"\n\n\n\n\n\n", "7 lines for 5 classes"),
        (b"\n\n1,1\n\n", "line 3: 0, 3 or 4 numbers"),
        (b"\n\n\n\n-1,1,1", r"class 4: .*scale >= 0 are accepted, found -1\.0"),
        (b"\xff\n\n\n\n", "not UTF-8"),
    ],
)
def test_calibration_files_that_are_wrong_are_refused(graph: Graph, plan: Plan, content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=rf"the score calibration file 'calibration\.txt': .*{message}"):
        read_heads(with_calibration(graph, content), plan)


def test_process_units_that_contradict_each_other_are_refused(graph: Graph, plan: Plan) -> None:
    with pytest.raises(ModelError, match="'own' ask for score calibration and list no file"):
        read_heads(with_calibration(graph, b"", listed=False), plan)
    with pytest.raises(ModelError, match="2 ScoreCalibration units"):
        read_heads(with_calibration(graph, b"\n\n\n\n", units=2), plan)
    with pytest.raises(ModelError, match="'own' has 2 ScoreThresholding units"):
        read_heads(with_outputs(graph, *own(units=(ScoreThresholding(0.5), ScoreThresholding(0.25)))), plan)
    for value in (float("nan"), float("inf")):
        with pytest.raises(ModelError, match="the score threshold of output 'own' is"):
            read_heads(with_outputs(graph, *own(units=(None, ScoreThresholding(value)))), plan)


def test_a_calibration_file_that_no_process_unit_asks_for_is_left_alone(graph: Graph, plan: Plan) -> None:
    assert read_heads(with_calibration(graph, b"no numbers", units=0), plan)[1].calibration is None


words = st.sampled_from(["", "en", "de", "names.txt", "more.txt", "pt-BR"])
contents = st.one_of(
    st.binary(max_size=12),
    st.lists(st.sampled_from(["1,2,3", "", "Dog", "1,2,3,0.5"]), min_size=4, max_size=6).map(
        lambda x: "\n".join(x).encode()
    ),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.builds(AssociatedFile, name=words, type=st.sampled_from(FileType), locale=words), max_size=4),
    st.lists(
        st.one_of(st.none(), st.builds(ScoreThresholding, st.floats(width=32)), st.just(ScoreCalibration())), max_size=3
    ),
    st.dictionaries(words, contents, max_size=3),
    words,
)
def test_any_metadata_are_read_or_refused(
    listed: list[AssociatedFile], units: list[ProcessUnit], files: dict[str, bytes], locale: str
) -> None:
    small = Slot("scores", (5,), 0, 0, 1 / 256, -128)
    plan = SimpleNamespace(heads=(Head("scores", small, small, 0),))
    tensor = TensorMetadata(process_units=tuple(units), associated_files=tuple(listed))
    metadata = Metadata(subgraphs=(SubgraphMetadata(outputs=(tensor,)),))
    graph: Any = SimpleNamespace(metadata=metadata, files=files, operators=(), outputs=(0,))
    try:
        (head,) = read_heads(graph, plan, locale)  # type: ignore[arg-type]
    except ModelError:
        return
    assert len(head.labels) == len(head.display_names) == len(head.audioset_ids) == 5
    assert head.calibration is None or head.calibration.apply(np.zeros(5)).shape == (5,)


def with_audio(graph: Graph, *audio: AudioProperties | None) -> Graph:
    inputs = tuple(TensorMetadata(audio=properties) for properties in audio)
    return replace(graph, metadata=Metadata(subgraphs=(SubgraphMetadata(inputs=inputs),)))


def test_the_sample_rate_is_that_of_the_metadata(graph: Graph) -> None:
    assert read_sample_rate(graph) == 16_000
    assert read_sample_rate(with_audio(graph, AudioProperties(44_100, 1))) == 44_100
    for bare in (replace(graph, metadata=None), with_audio(graph), with_audio(graph, None)):
        assert read_sample_rate(bare) == 16_000


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 2), (16_000, 0), (999, 1), (768_001, 1), (0, 1)])
def test_audio_that_no_one_has_is_refused(graph: Graph, rate: int, channels: int) -> None:
    with pytest.raises(ModelError, match=rf"wants {channels} channels at {rate} Hz"):
        read_sample_rate(with_audio(graph, AudioProperties(rate, channels)))


def test_classes_can_be_listed_and_looked_for(graph: Graph, plan: Plan) -> None:
    first, second = read_heads(graph, plan, "de")
    rows = list_classes(first)
    assert [row.class_index for row in rows] == list(range(521))
    assert rows[69] == (69, "/m/0bt9lr", "Dog", "Dog (deutsch)", ("Domestic animals, pets",))
    assert [row.name for row in list_classes(first, "MEOW")] == ["Meow"]
    assert [row.class_index for row in list_classes(first, "/m/0bt9lr")] == [69]
    assert {"Dog", "Bark", "Howl"} <= {row.name for row in list_classes(first, " dog ")}
    assert list_classes(first, "no such sound") == ()
    assert list_classes(second)[0] == (0, "", "Kettle", "Wasserkessel", ())
    assert [row.name for row in list_classes(second, "hund")] == ["Dog"]


@pytest.mark.model
def test_the_official_models(official_model_path: Path) -> None:
    head = only_head(official_model_path)
    assert head.name == "scores"
    assert head.labels[:2] == ("Speech", "Child speech, kid speaking")
    assert all(head.audioset_ids)
    assert head.calibration is head.score_threshold is None


def test_the_starter(small_model_path: Path) -> None:
    head = only_head(small_model_path)
    assert all(head.audioset_ids)


def only_head(path: Path) -> HeadInfo:
    graph: Any = read_graph(resolve_model(path).data)
    (head,) = read_heads(graph, compile_plan(graph))
    return head
