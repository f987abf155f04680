"""Labelled recordings: folders, tables, label files; divisions; embeddings, their cache, and what cannot be read."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from yamjit import learn
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.learn.annotations import read_annotations
from yamjit.learn.class_folders import from_folder
from yamjit.learn.dataset import OTHER, Clip, Dataset
from yamjit.learn.embedding import embed_clips
from yamjit.learn.embedding_cache import EmbeddingCache
from yamjit.learn.label_files import from_labels
from yamjit.learn.tables import from_csv
from yamjit.learn.training import train_head
from yamjit.loading import load
from yamjit.reading import ReadOptions

RATE = 16_000


def sound(path: Path, seconds: float = 1.5, pitch: float = 440.0, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * t), rate)
    return path


@pytest.fixture(scope="module")
def model(small_model_path: Path) -> Classifier:
    return load(small_model_path, backend="numpy", threads=2)


def dataset(clips: int = 12, groups: int = 12) -> Dataset:
    made = [Clip(Path(f"{k}.wav"), ("ab"[k % 2],), group=str(k % groups)) for k in range(clips)]
    return Dataset(tuple(made), ("a", "b"))


# -- Folders ----------------------------------------------------------------------------------------------------


def test_folders_are_classes(tmp_path: Path) -> None:
    sound(tmp_path / "wren" / "1.wav")
    sound(tmp_path / "wren" / "deeper" / "2.FLAC")
    sound(tmp_path / "Zaunkönig 鳥" / "3.ogg")
    sound(tmp_path / "other" / "4.wav")
    sound(tmp_path / ".hidden" / "5.wav")
    (tmp_path / "wren" / "notes.txt").write_text("x")
    found = from_folder(tmp_path)
    assert found.classes == ("Zaunkönig 鳥", "wren")
    assert found.counts() == {"wren": 2, "Zaunkönig 鳥": 1, OTHER: 1}
    assert [clip.labels for clip in found.clips if clip.path.name == "4.wav"] == [()]
    np.testing.assert_array_equal(found.targets().sum(axis=0), [1, 2])
    assert from_folder(tmp_path, other="none").classes == ("Zaunkönig 鳥", "other", "wren")


def test_folders_without_what_is_needed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        from_folder(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no folders"):
        from_folder(tmp_path)
    sound(tmp_path / "wren" / "1.wav")
    with pytest.raises(InputError, match="one class, 'wren'"):
        from_folder(tmp_path).check_learnable()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no recordings in 'empty'"):
        from_folder(tmp_path)
    (tmp_path / "empty").rmdir()
    sound(tmp_path / "other" / "1.wav")
    from_folder(tmp_path).check_learnable()
    with pytest.raises(InputError, match="no clips of 'owl'"):
        Dataset((Clip(Path("a"), ("wren",)),), ("owl", "wren")).check_learnable()
    with pytest.raises(InputError, match="'jay' is not one of the classes owl"):
        Dataset((Clip(Path("a"), ("jay",)),), ("owl",))


# -- Tables -----------------------------------------------------------------------------------------------------


def test_a_table_in_the_layout_of_esc50(tmp_path: Path) -> None:
    sound(tmp_path / "audio" / "1-1-A-0.wav")
    (tmp_path / "meta").mkdir()
    table = tmp_path / "meta" / "esc50.csv"
    table.write_text(
        "filename,fold,target,category,esc10,src_file,take\r\n"
        "1-1-A-0.wav,1,0,dog,True,100,A\r\n1-2-A-0.wav,2,1,rain; wind ,True,101,A\r\n1-3-A-0.wav,2,1,,True,102,A\r\n",
        newline="",
    )
    found = from_csv(table)
    assert found.classes == ("dog", "rain", "wind")
    assert [clip.labels for clip in found.clips] == [("dog",), ("rain", "wind"), ()]
    assert [clip.fold for clip in found.clips] == ["1", "2", "2"]
    assert [clip.group for clip in found.clips] == ["100", "101", "102"]
    assert found.clips[0].path == tmp_path / "audio" / "1-1-A-0.wav"
    assert len(from_csv(table, where={"take": "A"})) == 3
    with pytest.raises(InputError, match="none that are wanted"):
        from_csv(table, where={"fold": "9"})
    with pytest.raises(InputError, match="there is no loud"):
        from_csv(table, where={"loud": "9"})


def test_columns_can_be_named_and_folders_given(tmp_path: Path) -> None:
    sound(tmp_path / "x" / "a.wav")
    table = tmp_path / "t.tsv"
    table.write_text("what\twav\tstart\tend\nA\ta.wav\t0.5\t1\nB\ta.wav\t\t\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column for the file"):
        from_csv(table)
    with pytest.raises(InputError, match="is not in"):
        from_csv(table, columns={"file": "wav", "label": "what"})
    found = from_csv(table, columns={"file": "wav", "label": "what"}, audio=tmp_path / "x")
    assert [(c.start_s, c.end_s) for c in found.clips] == [(0.5, 1.0), (0.0, None)]
    with pytest.raises(InputError, match="there is no speed"):
        from_csv(table, columns={"file": "speed"})
    with pytest.raises(
        InputError, match=r"there is no wavs among the columns: what, wav, start, end; did you mean 'wav'"
    ):
        from_csv(table, columns={"file": "wavs"})


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"filename,category\n"])
def test_files_that_are_no_tables_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.csv"):
        from_csv(tmp_path / "t.csv")


# -- Label files ------------------------------------------------------------------------------------------------

AUDACITY = "0.500000\t1.500000\tdog\n\\\t100.0\t5000.0\n2.000000\t2.000000\tcat\n"
DCASE = "onset\toffset\tevent_label\n0.5\t1.5\tdog\n2.0\t2.0\tcat\n"
DCASE_FILES = "filename\tonset\toffset\tevent_label\nday.wav\t0.5\t1.5\tdog\nday.wav\t2.0\t2.0\tcat\n"
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tAnnotation\n"
    "1\tSpectrogram 1\t1\t0.5\t1.5\t125\tdog\n2\tSpectrogram 1\t1\t2.0\t2.0\t125\tcat\n"
)


@pytest.mark.parametrize("content", [AUDACITY, DCASE, DCASE_FILES, RAVEN], ids=["audacity", "dcase", "files", "raven"])
def test_stretches_of_every_format(tmp_path: Path, content: str) -> None:
    sound(tmp_path / "day.wav", 4)
    (tmp_path / "day.txt").write_text(content, encoding="utf-8-sig")
    assert [s[:3] for s in read_annotations(tmp_path / "day.txt")] == [(0.5, 1.5, "dog"), (2.0, 2.0, "cat")]
    found = from_labels([tmp_path / "day.txt"])
    assert [(c.labels, c.start_s, c.end_s) for c in found.clips] == [(("dog",), 0.5, 1.5), (("cat",), 1.5125, 2.4875)]
    assert {c.group for c in found.clips} == {str(tmp_path / "day.wav")}
    assert from_labels({tmp_path / "day.wav": tmp_path / "day.txt"}) == found


def test_a_raven_table_over_several_files_counts_within_each(tmp_path: Path) -> None:
    table = RAVEN.replace("Annotation", "Annotation\tBegin Path\tFile Offset (s)").replace(
        "\tdog", "\tdog\tb.wav\t0.25"
    )
    (tmp_path / "t.txt").write_text(table.replace("\tcat", "\tcat\ta.wav\t7"))
    assert [tuple(s) for s in read_annotations(tmp_path / "t.txt")] == [
        (0.25, 1.25, "dog", "b.wav"),
        (7, 7, "cat", "a.wav"),
    ]


def test_stretches_that_overlap_share_their_labels(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("0\t4\train\n1\t2\tdog\n3.5\t6\tcat\n")
    found = from_labels({tmp_path / "x.wav": tmp_path / "l.txt"})
    assert [clip.labels for clip in found.clips] == [("rain",), ("dog", "rain"), ("cat",)]


@pytest.mark.parametrize("line", ["1\t0\tx", "a\tb\tc", "1", "-1\t2\tx", "1\tnan\tx"])
def test_lines_that_are_no_stretch_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "l.txt").write_text(f"0\t1\tok\n{line}\n")
    with pytest.raises(InputError, match="line 2"):
        read_annotations(tmp_path / "l.txt")


def test_a_stretch_without_label_or_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("0\t1\t\n")
    with pytest.raises(InputError, match="has no label"):
        from_labels({tmp_path / "x.wav": tmp_path / "l.txt"})
    (tmp_path / "l.txt").write_text("0\t1\tdog\n")
    with pytest.raises(InputError, match="no recording called 'l'"):
        from_labels([tmp_path / "l.txt"])


# -- Divisions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("clips", "groups", "count"), [(40, 40, 5), (40, 8, 4), (9, 9, 9)])
def test_groups_are_not_divided(clips: int, groups: int, count: int) -> None:
    data = dataset(clips, groups)
    tested: list[int] = []
    for _, training, test in data.folds(count, seed=3):
        assert not {data.clips[k].group for k in training} & {data.clips[k].group for k in test}
        assert sorted(training + test) == list(range(clips))
        tested += test
    assert sorted(tested) == list(range(clips))
    sizes = [len(test) for *_, test in data.folds(count, seed=3)]
    assert max(sizes) - min(sizes) <= clips // groups


def test_classes_are_spread_over_the_folds() -> None:
    for _, _, test in dataset(40, 40).folds(5):
        labels = [dataset(40, 40).clips[k].labels for k in test]
        assert labels.count(("a",)) == labels.count(("b",)) == 4


def test_folds_that_came_with_the_data_are_kept() -> None:
    clips = tuple(Clip(Path(f"{k}.wav"), ("ab"[k % 2],), fold=str(1 + k % 11)) for k in range(22))
    names = [name for name, _, _ in Dataset(clips, ("a", "b")).folds()]
    assert names == [str(k) for k in range(1, 12)]


def test_too_many_folds_are_refused() -> None:
    with pytest.raises(InputError, match="5 folds of 4"):
        list(dataset(8, 4).folds(5))


def test_unbalanced_data_are_reported() -> None:
    clips = tuple(Clip(Path(f"{k}.wav"), ("ab"[k < 2],)) for k in range(30))
    unbalanced, few = Dataset(clips, ("a", "b")).warnings()
    assert "28 clips of 'a', 2 of 'b'" in unbalanced
    assert "'b' (2)" in few
    assert dataset().warnings() == ()


# -- Embeddings -------------------------------------------------------------------------------------------------


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for k in range(3):
        sound(tmp_path / "low" / f"{k}.wav", 0.3 + k, 200 + 10 * k)
        sound(tmp_path / "high" / f"{k}.flac", 0.3 + k, 3000 + 10 * k, 44_100)
    return tmp_path


def test_embeddings_are_those_of_the_model(model: Classifier, recordings: Path) -> None:
    features = embed_clips(model, from_folder(recordings))
    for index, clip in enumerate(features.dataset.clips):
        np.testing.assert_array_equal(features.embeddings[features.clips == index], model.embed(clip.path))
    assert set(np.bincount(features.clips)) == {1, 2, 4}  # the shortest is padded, not left out
    weights = features.samples().weights
    np.testing.assert_allclose(np.bincount(features.clips, weights), 1)


def test_stretches_are_embedded_alone(model: Classifier, tmp_path: Path) -> None:
    path = sound(tmp_path / "x.wav", 4)
    clips = (Clip(path, ("a",), 1.0, 3.0), Clip(path, ("b",)))
    features = embed_clips(model, Dataset(clips, ("a", "b")))
    np.testing.assert_array_equal(
        features.embeddings[features.clips == 0], model.embed(path, reading=ReadOptions(start_s=1.0, end_s=3.0))
    )


def test_the_cache_gives_the_same_and_survives_damage(
    model: Classifier, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    data = from_folder(recordings)
    first = embed_clips(model, data, cache=cache)
    kept = sorted((tmp_path / "cache").rglob("*.npy"))
    assert len(kept) == 6
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:-7])
    again = embed_clips(model, data, cache=cache)
    np.testing.assert_array_equal(first.embeddings, again.embeddings)
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "feature_windows", lambda *_, **__: pytest.fail("computed again"))
        np.testing.assert_array_equal(embed_clips(model, data, cache=cache).embeddings, first.embeddings)
    sound(data.clips[0].path, 2.0, 555)  # other audio under the same name
    assert embed_clips(model, data, cache=cache).hashes != first.hashes


def test_what_cannot_be_read_is_listed_and_the_rest_used(model: Classifier, recordings: Path) -> None:
    (recordings / "low" / "broken.wav").write_bytes(b"RIFF no sound")
    (recordings / "low" / "empty.wav").write_bytes(b"")
    features = embed_clips(model, from_folder(recordings))
    assert sorted(item.clip.path.name for item in features.skipped) == ["broken.wav", "empty.wav"]
    assert all(item.reason for item in features.skipped)
    assert len(features.dataset) == 6
    for path in (recordings / "high").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no clips of 'high'"):
        train_head(embed_clips(model, from_folder(recordings)))
    for path in (recordings / "low").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="none of 8 clips can be read; the first: "):
        embed_clips(model, from_folder(recordings))


def test_recordings_that_occur_twice_are_reported(model: Classifier, recordings: Path) -> None:
    low, high = recordings / "low" / "0.wav", recordings / "high" / "0.flac"
    (recordings / "copy.wav").write_bytes(low.read_bytes())
    clips = [Clip(low, ("l",), fold="1"), Clip(high, ("h",), fold="1"), Clip(recordings / "copy.wav", ("l",), fold="2")]
    (line,) = embed_clips(model, Dataset(tuple(clips), ("l", "h"))).duplicates()
    assert "copy.wav (fold 2) is the same recording as" in line
    clips[2] = Clip(recordings / "copy.wav", ("h",), fold="1")
    (line,) = embed_clips(model, Dataset(tuple(clips), ("l", "h"))).duplicates()
    assert "of another class" in line


def test_some_clips_can_be_chosen(model: Classifier, recordings: Path) -> None:
    features = embed_clips(model, from_folder(recordings))
    part = features.select([4, 0])
    for place, index in enumerate([4, 0]):
        np.testing.assert_array_equal(
            part.embeddings[part.clips == place], features.embeddings[features.clips == index]
        )
    assert part.hashes == (features.hashes[4], features.hashes[0])


def test_classes_can_be_weighed(model: Classifier, recordings: Path) -> None:
    for k in range(3):
        (recordings / "low" / f"{k}.wav").rename(recordings / "high" / f"{k}.wav") if k else None
    features = embed_clips(model, from_folder(recordings))  # 5 high, 1 low

    def shares(how: object) -> list[float]:
        samples = features.samples(how)  # type: ignore[arg-type]
        return [float(samples.weights[samples.targets[:, k] > 0].sum()) for k in (0, 1)]

    assert shares(None) == pytest.approx([5, 1])
    assert shares("balanced") == pytest.approx([3, 3])
    assert shares({"low": 10}) == pytest.approx([5, 10])
    for wrong in ("even", {"middle": 1}, {"low": 0}):
        with pytest.raises(InputError, match="class_weights"):
            features.samples(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0.5, 3.3])
def test_fine_embeddings_round_to_the_exact_ones(real_model_path: Path, seconds: float) -> None:
    model = load(real_model_path, backend="numpy")
    samples = np.random.default_rng(2).uniform(-0.4, 0.4, round(seconds * RATE)).astype(np.float32)
    found = learn.fine_embeddings(model, samples)
    np.testing.assert_array_equal(found.exact, model.embed(samples, sample_rate=RATE))
    slot = model.plan.embedding
    assert slot is not None
    np.testing.assert_allclose(found.exact, (found.quantized.astype(int) - slot.zero_point) * slot.scale, rtol=1e-6)
    assert np.abs(found.fine - found.exact)[found.quantized < 127].max() < slot.scale  # it is rounded twice
    assert len(np.unique(found.fine)) > len(np.unique(found.exact))
    with pytest.raises(InputError, match="multiples of"):
        learn.fine_embeddings(model, samples, hop_s=0.123456)


def test_public_names_are_there() -> None:
    for name in learn.__all__:
        assert getattr(learn, name) is not None
    assert set(learn.__all__) <= set(dir(learn))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = learn.nothing


def test_what_is_heard_in_part_is_used_and_listed(model: Classifier, recordings: Path, tmp_path: Path) -> None:
    path = sorted((recordings / "low").iterdir())[0]
    samples, rate = soundfile.read(path)
    stream = io.BytesIO()
    soundfile.write(stream, np.tile(samples, 3), rate, format="MP3")
    data = stream.getvalue()
    path.with_suffix(".mp3").write_bytes(data[: len(data) // 2] + b"no audio" * 500 + data[len(data) // 2 :])
    path.unlink()
    dataset, cache = from_folder(recordings), EmbeddingCache(tmp_path / "cache")
    for _ in range(2):
        features = embed_clips(model, dataset, cache=cache)
        assert [(item.clip.path.suffix, item.in_part) for item in features.skipped] == [(".mp3", True)]
        assert "4000 bytes between its frames" in features.skipped[0].reason
        assert len(features.dataset) == len(dataset)


def test_a_clip_says_how_it_is_read_and_what_stays_together() -> None:
    clip = Clip(Path("x.wav"), ("a",), 1.0, 2.0)
    assert clip.reading(0.1) == ReadOptions(hop_s=0.1, start_s=1.0, end_s=2.0)
    assert (clip.unit, replace(clip, group="g").unit) == ("x.wav", "g")
