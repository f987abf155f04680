"""Label tables mean what their makers meant, or are refused with what to do; nothing is left out in silence."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import unicodedata
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import yamjit
from yamjit import learn
from yamjit.cli import main
from yamjit.errors import InputError, LimitError, YamjitError
from yamjit.learn.annotations import read_annotations
from yamjit.learn.class_folders import from_folder
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.label_files import from_labels
from yamjit.learn.overlaps import covering
from yamjit.learn.tables import from_csv
from yamjit.output import FORMATS
from yamjit.output.writer import text_stream
from yamjit.results import Row, Summary

RATE = 16_000

RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def empty(*paths: Path) -> None:
    """Make files that have the names of recordings: who only looks for one does not open it."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def sound(path: Path, seconds: float = 1.5, pitch: float = 440.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * RATE)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * t), RATE)
    return path


def table(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def times(data: Dataset) -> list[tuple[float, float | None]]:
    return [(clip.start_s, clip.end_s) for clip in data.clips]


# -- Columns of times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        *("path,offset,duration,label", "file,start_s,duration_s,label", "file,start,duration,label"),
        *("filename,onset,offset,event_label", "file,start,end,label", "file,start_time,end_time,label"),
        *(
            "File,Begin Time (s),End Time (s),Species",
            "Audiofilename,Starttime,Endtime,label",
            "fname,t_start,t_end,tag",
        ),
        *("audio_filepath,Offset,Duration,Label", "file,begin,stop,class", "file,onset,duration,label"),
        *("File,Start (s),End (s),Common name", "file,start seconds,end seconds,label", "file,from,to,label"),
        "File,Begin Time - ss.msec,End Time - ss.msec,label",
    ],
)
def test_times_are_found_by_the_names_that_people_give_them(tmp_path: Path, header: str) -> None:
    empty(tmp_path / "a.wav")
    second = 0.5 if "uration" in header else 1.5
    path = table(tmp_path / "t.csv", f"{header}\na.wav,1.0,{second},siren\n")
    assert times(from_csv(path)) == [(1.0, 1.5)]


@pytest.mark.parametrize(
    "header", ["file,start_ms,end_ms,label", "file,startMs,endMs,label", "file,Start (ms),End (ms),label"]
)
def test_milliseconds_are_told_by_the_name(tmp_path: Path, header: str) -> None:
    empty(tmp_path / "a.wav")
    assert times(from_csv(table(tmp_path / "t.csv", f"{header}\na.wav,1100,1500,siren\n"))) == [(1.1, 1.5)]


@pytest.mark.parametrize(
    ("header", "given"),
    [
        ("file,offset,x,label", {"start": "offset", "end": ""}),
        ("file,start,offset,label", {"start": "start", "end": "offset"}),
        ("file,start,x,label", {"start": "start", "duration": "x"}),
        ("file,x,end,label", {"start": "", "end": "end"}),
        ("file,start_sample,end_sample,label", {"start": "", "end": ""}),
        ("YTID,start_seconds,end_seconds,label", {"file": "YTID", "start": "", "end": ""}),
    ],
)
def test_times_that_may_mean_two_things_are_refused_until_told(
    tmp_path: Path, header: str, given: dict[str, str]
) -> None:
    empty(tmp_path / "a.wav")
    path = table(tmp_path / "t.csv", f"{header}\na.wav,1.0,1.5,siren\n")
    with pytest.raises(InputError, match="--column"):
        from_csv(path, columns={"file": given["file"]} if "file" in given else None)
    assert len(from_csv(path, columns=given)) == 1


def test_a_duration_alone_is_that_of_the_beginning_and_other_lengths_say_nothing(tmp_path: Path) -> None:
    empty(tmp_path / "a.wav")
    assert times(from_csv(table(tmp_path / "t.csv", "file,duration,label\na.wav,2.5,x\n"))) == [(0.0, 2.5)]
    assert times(from_csv(table(tmp_path / "t.csv", "file,length,label\na.wav,1:23,x\n"))) == [(0.0, None)]


@pytest.mark.parametrize(
    "row", ["1,0.5", "-1,2", "nan,2", "1,inf", "1:02.5,2", "0x1,2", "1_0,12", "one,2", ",2", "1,1e99", "\uff11,2"]
)
def test_what_is_no_time_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    empty(tmp_path / "a.wav")
    path = table(tmp_path / "t.csv", f"file,start,end,label\na.wav,0,1,x\n\na.wav,{row},x\n")
    with pytest.raises(InputError, match="line 4"):
        from_csv(path)


def test_rows_of_another_length_are_refused_and_empty_ones_passed_over(tmp_path: Path) -> None:
    empty(tmp_path / "a.wav")
    assert len(from_csv(table(tmp_path / "t.csv", "file,label\na.wav,x,,\n,,\n\n"))) == 1
    for row in ("a.wav", "a.wav,x,y"):
        with pytest.raises(InputError, match="line 3"):
            from_csv(table(tmp_path / "t.csv", f"file,label\na.wav,x\n{row}\n"))
    with pytest.raises(InputError, match="two columns are called 'label'"):
        from_csv(table(tmp_path / "t.csv", "file,label,label\na.wav,x,y\n"))


def test_stretches_of_a_table_that_overlap_share_their_labels(tmp_path: Path) -> None:
    empty(tmp_path / "a.wav", tmp_path / "b.wav")
    rows = "a.wav,0,4,rain\nb.wav,1,2,cat\na.wav,1,2,dog\na.wav,6,8,cat\na.wav,3,3.5,\n"
    found = from_csv(table(tmp_path / "t.csv", f"file,start,end,label\n{rows}"))
    assert [clip.labels for clip in found.clips] == [("rain",), ("cat",), ("dog", "rain"), ("cat",), ()]


# -- Text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_are_read_as_programs_save_them(tmp_path: Path, encoding: str, end: str, separator: str) -> None:
    empty(tmp_path / "ä.wav")
    rows = [("file", "start", "end", "label"), ("ä.wav", "0.5", "1.5", "Zaunkönig"), ("ä.wav", "2", "3", "鳥")]
    text = end.join(separator.join(row) for row in rows) + end
    found = from_csv(table(tmp_path / "t.csv", text.encode(encoding)))
    assert times(found) == [(0.5, 1.5), (2, 3)]
    assert found.classes == ("Zaunkönig", "鳥")
    if separator == "\t":
        assert len(read_annotations(table(tmp_path / "t.txt", text.encode(encoding)))) == 2


def test_decimal_commas_are_read_where_all_numbers_have_them(tmp_path: Path) -> None:
    empty(tmp_path / "a.wav", tmp_path / "t.wav")
    german = table(tmp_path / "t.csv", "sep=;\nfile;start;end;label\na.wav;0,5;1,5;x\n")
    assert times(from_csv(german)) == [(0.5, 1.5)]
    assert times(from_labels([table(tmp_path / "t.txt", "0,500\t1,25\tdog\n")])) == [(0.5, 1.25)]
    for row in ("0.5;1,5", "1.234,5;2.000,0"):
        with pytest.raises(InputError, match="line 2"):
            from_csv(table(tmp_path / "t.csv", f"file;start;end;label\na.wav;{row};x\n"))


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("file,label\na.wav,Zaunkönig\n".encode("cp1252"), "line 2.*iconv -f CP1252"),
        ("file,label\na.wav,ミソサザイ\n".encode("shift-jis"), "not UTF-8"),
        ("file,label\na.wav,x\n".encode("utf-16-le"), "UTF-16"),
        (b"PK\x03\x04 a workbook", "workbook.*CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook of Excel"),
        (b'file,label\na.wav,"x\nb.wav,y\n', "line 2"),
        (b'file,label\na.wav,"x" y\n', "line 2"),
        (b"file,label\na.wav," + b"x" * 200_000 + b"\n", "line 2: field larger"),
        (b"", "holds no table"),
        (b"\n,,\n", "no column for the file"),
    ],
)
def test_what_is_no_text_or_no_table_says_how_to_convert_it(tmp_path: Path, content: bytes, advice: str) -> None:
    empty(tmp_path / "a.wav")
    with pytest.raises(InputError, match=rf"t\.csv.*{advice}"):
        from_csv(table(tmp_path / "t.csv", content))


def test_quoted_cells_may_hold_separators_line_ends_and_quotes(tmp_path: Path) -> None:
    empty(tmp_path / "a, b.wav")
    found = from_csv(table(tmp_path / "t.csv", 'file, label,note\n"a, b.wav", "a ""b""","two\nlines"\n"a, b.wav",c,\n'))
    assert found.classes == ('a "b"', "c")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_pipes_devices_and_what_is_too_large_are_refused_at_once(tmp_path: Path, capsys: Any) -> None:
    for name in ("f.csv", "f.tsv", "f.txt"):
        os.mkfifo(tmp_path / name)
        assert main(["train", str(tmp_path / name), "-o", str(tmp_path / "m.tflite")]) == 1
        assert "it is not a regular file" in capsys.readouterr().err
    with pytest.raises(InputError, match="not a regular file"):
        read_annotations("/dev/zero")
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(LimitError, match="at most"):
        from_csv(tmp_path / "big.csv")


# -- Raven ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Users\\ann\\birds\\day.wav",
        "/Users/ann/birds/day.wav",
        "\\\\nas\\birds\\day.wav",
        "birds/day.wav",
        "DAY.WAV",
    ],
)
@pytest.mark.parametrize("place", [".", "audio", "../audio", ".."])
def test_paths_of_another_computer_stand_for_the_file_beside_the_table(tmp_path: Path, path: str, place: str) -> None:
    labels = tmp_path / "labels"
    empty(labels / place / "day.wav", labels / "other.wav")
    row = f"1\tSpectrogram 1\t1\t0.5\t1.5\t0\t8000\t{path}\t0.5\tsiren\n"
    path_of = table(labels / "day.Table.1.selections.txt", f"{RAVEN}\tBegin Path\tFile Offset (s)\tAnnotation\n{row}")
    (clip,) = from_labels([path_of]).clips
    assert clip.path.samefile(labels / place / "day.wav")
    assert (clip.start_s, clip.end_s) == (0.5, 1.5)


def test_folders_of_such_a_path_tell_files_of_one_name_apart(tmp_path: Path) -> None:
    empty(tmp_path / "card1" / "day.wav", tmp_path / "card2" / "day.wav")
    rows = "".join(f"C:\\trip\\card{k}\\day.wav,{k},{k + 1},x\n" for k in (1, 2))
    found = from_csv(table(tmp_path / "t.csv", f"file,start,end,label\n{rows}"))
    assert [clip.path.parent.name for clip in found.clips] == ["card1", "card2"]
    for k in (1, 2):
        (tmp_path / f"card{k}" / "day.wav").unlink()
    empty(tmp_path / "day.wav")
    with pytest.raises(InputError, match="may both be"):
        from_csv(tmp_path / "t.csv")


def test_times_of_raven_that_count_on_are_refused_without_their_offset(tmp_path: Path) -> None:
    empty(tmp_path / "a.wav", tmp_path / "b.wav")
    rows = [("0.5", "1.5", "a.wav", "0.5"), ("4.0", "5.0", "b.wav", "1.0")]

    def raven(*columns: int, name: str = "Begin File") -> Path:
        header = [name, "File Offset (s)"][: len(columns)]
        lines = ["\t".join([*row[:2], *(row[k] for k in columns), "x"]) for row in rows]
        return table(
            tmp_path / "t.txt",
            "\t".join(["Begin Time (s)", "End Time (s)", *header, "Species"]) + "\n" + "\n".join(lines),
        )

    for name in ("Begin File", "Begin Path"):
        with pytest.raises(InputError, match=r"line 2.*File Offset \(s\)"):
            from_labels([raven(2, name=name)])
        assert [(c.path.name, c.start_s, c.end_s) for c in from_labels([raven(2, 3, name=name)]).clips] == [
            ("a.wav", 0.5, 1.5),
            ("b.wav", 1.0, 2.0),
        ]
    rows[0] = ("0.5", "1.5", "a.wav", "")
    with pytest.raises(InputError, match="line 2"):
        from_labels([raven(2, 3)])
    rows[1] = ("2.5", "3.5", "a.wav", "")  # of one recording the times are its own
    assert times(from_labels([raven(2)])) == [(0.5, 1.5), (2.5, 3.5)]
    assert times(from_csv(raven(2))) == [(0.5, 1.5), (2.5, 3.5)]


def test_columns_of_raven_can_be_named(tmp_path: Path) -> None:
    empty(tmp_path / "day.wav")
    path = table(tmp_path / "day.txt", f"{RAVEN}\tCall\n1\tSpectrogram 1\t1\t1\t2\t0\t1\tsong\n")
    with pytest.raises(InputError, match="no column for the label"):
        from_labels([path])
    assert from_labels([path], columns={"label": "Call"}).classes == ("song",)


# -- Which recording a table is of ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra", ["aup3", "aup", "csv", "jpg", "json", "MOV", "mp4", "txt~", "wav.yamjit.csv", "Table.2.txt"]
)
def test_a_label_file_is_of_the_recording_beside_it_and_no_other_file(tmp_path: Path, extra: str) -> None:
    empty(tmp_path / "day.wav", tmp_path / f"day.{extra}", tmp_path / "day", tmp_path / "._day.wav")
    (clip,) = from_labels([table(tmp_path / "day.txt", "0\t1\tsiren\n")]).clips
    assert clip.path == tmp_path / "day.wav"


@pytest.mark.parametrize(
    ("recording", "labels"),
    [
        ("rec.2024.05.01.wav", "rec.2024.05.01.txt"),
        ("day.wav", "day.Table.1.selections.txt"),
        ("day.wav", "day.wav.yamjit.audacity.txt"),
        ("day.wav", "day.wav.yamjit.txt"),
        ("day.wav", "day.wav.txt"),
        ("day.wav", "day.BirdNET.selection.table.txt"),
        ("day.wav", "day.Band_Limited_Energy_Detector.Table.12.selections.txt"),
        ("a.b.flac", "a.b.raven.txt"),
        ("DAY.WAV", "day.TXT"),
        (unicodedata.normalize("NFD", "Zaunkönig.wav"), unicodedata.normalize("NFC", "Zaunkönig.txt")),
        (unicodedata.normalize("NFC", "Zaunkönig.wav"), unicodedata.normalize("NFD", "Zaunkönig.txt")),
    ],
)
def test_names_of_label_files_lead_to_their_recordings(tmp_path: Path, recording: str, labels: str) -> None:
    empty(tmp_path / recording)
    (clip,) = from_labels([table(tmp_path / labels, "0\t1\tsiren\n")]).clips
    assert clip.path.samefile(tmp_path / recording)


@pytest.mark.parametrize(
    "labels", ["rec.2024.05.02.txt", "rec.2.txt", "recording.txt", "rec.north.txt", "wav.txt", ".txt"]
)
def test_a_recording_of_another_name_is_not_taken(tmp_path: Path, labels: str) -> None:
    empty(tmp_path / "rec.wav", tmp_path / "rec.2024.wav")
    with pytest.raises(InputError, match="no recording called"):
        from_labels([table(tmp_path / labels, "0\t1\tsiren\n")])


def test_of_two_recordings_that_fit_none_is_taken(tmp_path: Path) -> None:
    empty(tmp_path / "day.wav", tmp_path / "day.flac")
    labels = table(tmp_path / "day.txt", "0\t1\tsiren\n")
    with pytest.raises(InputError, match=r"day\.flac or .*day\.wav"):
        from_labels([labels])
    assert from_labels({tmp_path / "day.flac": labels}).clips[0].path.suffix == ".flac"
    assert from_labels([table(tmp_path / "day.wav.txt", "0\t1\tsiren\n")]).clips[0].path.suffix == ".wav"
    with pytest.raises(InputError, match=r"day\.flac or .*day\.wav"):
        from_csv(table(tmp_path / "t.csv", "fname,label\nday,x\n"))


def test_recordings_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    empty(tmp_path / "audio" / "day.wav", tmp_path / "far" / "day.wav")
    labels = table(tmp_path / "labels" / "day.txt", "0\t1\tsiren\n")
    assert from_labels([labels]).clips[0].path.samefile(tmp_path / "audio" / "day.wav")
    assert from_labels([labels], audio=tmp_path / "far").clips[0].path.samefile(tmp_path / "far" / "day.wav")
    with pytest.raises(InputError, match="no recording called 'day'"):
        from_labels([labels], audio=tmp_path / "labels")


def test_a_file_that_is_missing_is_not_taken_from_another_folder(tmp_path: Path) -> None:
    empty(tmp_path / "set" / "a.wav", tmp_path / "b.wav")
    path = table(tmp_path / "set" / "t.csv", "file,label\na.wav,x\nb.wav,y\n")
    with pytest.raises(InputError, match=r"'b\.wav' in .*--audio"):
        from_csv(path)
    found = from_csv(path, audio=tmp_path / "set")
    assert [clip.path.exists() for clip in found.clips] == [True, False]  # told of when it is to be read


@pytest.mark.parametrize("name", ["../" * 70 + "x.wav", "x" * 5000 + ".wav", "a\x1b[2J.wav", "/", "..", "C:\\"])
def test_names_of_strangers_lead_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        from_labels([table(tmp_path / "t.txt", f"{name}\t0\t1\tsiren\n")])
    assert "\x1b" not in str(caught.value)


# -- Layouts of data sets ---------------------------------------------------------------------------------------


def test_slices_of_urbansound8k_are_taken_whole(tmp_path: Path) -> None:
    root = tmp_path / "UrbanSound8K"
    empty(
        root / "audio" / "fold5" / "100-3-0-0.wav",
        root / "audio" / "100-3-0-0.wav",
        root / "audio" / "fold1" / "7-0-0-0.wav",
    )
    path = table(
        root / "metadata" / "UrbanSound8K.csv",
        "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
        "100-3-0-0.wav,100,0.5,2.5,1,5,8,siren\n7-0-0-0.wav,7,10,12,1,1,0,air_conditioner\n",
    )
    for columns in ({}, {"file": "slice_file_name"}):
        found = from_csv(path, columns=columns)
        assert [(c.path.parent.name, c.start_s, c.end_s, c.fold, c.group) for c in found.clips] == [
            ("fold5", 0.0, None, "5", "100"),
            ("fold1", 0.0, None, "1", "7"),
        ]


def test_lists_of_fsd50k(tmp_path: Path) -> None:
    root = tmp_path / "FSD50K"
    empty(*(root / "FSD50K.dev_audio" / f"{k}.wav" for k in range(4)))
    rows = '0,"Bark,Dog","/m/1,/m/2",train\n1,Rain,/m/3,train\n2,"Bark,Dog",/m/1,val\n3,Rain,/m/3,val\n'
    path = table(root / "FSD50K.ground_truth" / "dev.csv", f"fname,labels,mids,split\n{rows}")
    found = from_csv(path)
    assert found.classes == ("Bark", "Dog", "Rain")
    assert [(c.path.name, c.split, c.fold) for c in found.clips][1:3] == [
        ("1.wav", "train", ""),
        ("2.wav", "validation", ""),
    ]
    assert list(found.folds()) == [("validation", [0, 1], [2, 3])]
    with pytest.raises(InputError, match=r"line 2.*separator"):
        from_csv(table(path, 'fname,labels\n0,"Child speech, kid speaking"\n'))
    assert from_csv(path, separator=";").classes == ("Child speech, kid speaking",)
    assert from_csv(table(path, "fname,label\n0,dog|cat\n"), separator="|").classes == ("cat", "dog")


def test_lists_of_audioset_have_their_header_in_a_comment(tmp_path: Path) -> None:
    empty(tmp_path / "--PJHxphWEs.wav")
    path = table(
        tmp_path / "eval_segments.csv",
        "# Segments csv created Sun Mar  5 10:54:25 2017\n# num_segs=1, num_unique_labels=2, num_positive_labels=2\n"
        '# YTID, start_seconds, end_seconds, positive_labels\n--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n',
    )
    with pytest.raises(InputError, match="no column for the file"):
        from_csv(path)
    found = from_csv(path, columns={"file": "YTID", "start": "", "end": ""})
    assert [(c.labels, c.start_s, c.end_s) for c in found.clips] == [(("/m/09x0r", "/t/dd00088"), 0.0, None)]


def test_what_a_table_calls_split_is_no_fold(tmp_path: Path) -> None:
    empty(*(tmp_path / f"{k}.wav" for k in range(6)))

    def split(*words: str, column: str = "split", **given: Any) -> Dataset:
        rows = "".join(f"{k}.wav,{'ab'[k % 2]},{word}\n" for k, word in enumerate(words))
        return from_csv(table(tmp_path / "t.csv", f"file,label,{column}\n{rows}"), **given)

    found = split("train", "Training", "val", "test", "eval", "dev")
    assert [clip.split for clip in found.clips] == ["train", "train", "validation", "test", "test", "validation"]
    assert list(found.folds()) == [("validation", [0, 1], [2, 5]), ("test", [0, 1], [3, 4])]
    assert list(found.folds(2)) == [("1", [1], [0]), ("2", [0], [1])]  # nothing of test teaches
    assert [clip.split for clip in split("dev", "dev", "test", "test").clips] == ["train", "train", "test", "test"]
    assert [clip.split for clip in split("train", "test", column="fold").clips] == ["train", "test"]
    assert [clip.fold for clip in split("1", "2", "1", "2").clips] == ["1", "2", "1", "2"]
    assert not split("north", "south", column="subset").has_division
    assert not split("train", "test", columns={"split": "", "fold": ""}).has_division
    assert [clip.fold for clip in split("train", "test", columns={"fold": "split"}).clips] == ["train", "test"]
    with pytest.raises(InputError, match="'holdout' in the column split"):
        split("train", "holdout")
    with pytest.raises(InputError, match="no clips of 'b' in the split 'train'"):
        split("train", "test", "train").check_learnable()


def test_only_what_a_split_gives_for_training_teaches(small_model_path: Path, tmp_path: Path) -> None:
    rows = []
    for k, (label, pitch) in enumerate([("low", 300), ("high", 3000)] * 3):
        sound(tmp_path / f"{k}.wav", 1.0, pitch + 10 * k)
        rows.append(f"{k}.wav,{label},{('train', 'train', 'train', 'train', 'test', 'test')[k]}\n")
    path = table(tmp_path / "t.csv", f"file,label,split\n{''.join(rows)}")
    model = yamjit.load(small_model_path, backend="numpy")
    features = learn.embed_clips(model, from_csv(path))
    judged = learn.cross_validate(features)
    assert set(judged.folds) == {"test"}
    assert len(judged.names) == 2
    alone = learn.embed_clips(model, from_csv(path, where={"split": "train"}))
    assert learn.train_head(features).head.to_bytes() == learn.train_head(alone).head.to_bytes()


# -- Empty annotations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n\n",
        "\ufeff",
        f"{RAVEN}\tSpecies\n",
        "onset\toffset\tevent_label\n",
        "filename\tonset\toffset\tevent_label\nb.wav\t\t\t\n",
    ],
)
def test_a_recording_in_which_nothing_was_heard_is_an_example_of_no_class(tmp_path: Path, content: str) -> None:
    empty(tmp_path / "a.wav", tmp_path / "b.wav")
    files = [table(tmp_path / "a.txt", "0\t1\tsiren\n"), table(tmp_path / "b.txt", content)]
    assert [(c.path.name, c.labels, c.end_s) for c in from_labels(files).clips] == [
        ("a.wav", ("siren",), 1.0),
        ("b.wav", (), None),
    ]
    more = table(tmp_path / "b.Table.2.selections.txt", "0\t1\tsiren\n")
    assert [c.labels for c in from_labels([*files, more]).clips] == [("siren",), ("siren",)]
    with pytest.raises(InputError, match="none of the annotations has the label") as caught:
        from_labels(files[1:])
    assert "folder" not in str(caught.value)


# -- Choosing rows ----------------------------------------------------------------------------------------------


def test_values_of_one_column_are_alternatives_and_columns_have_to_agree(tmp_path: Path) -> None:
    empty(tmp_path / "a.wav")
    rows = "".join(f"a.wav,{label},{fold}\n" for label, fold in itertools.product("xyz", "123"))
    path = table(tmp_path / "t.csv", f"file,label,fold\n{rows}")
    assert len(from_csv(path, where={"label": ["x", "y"], "fold": "1"})) == 2
    assert len(from_csv(path, where={"fold": ["1", "2"]})) == 6
    assert len(from_csv(path, where={"fold": 1})) == len(from_csv(path, where={"fold": (1,)})) == 3  # type: ignore[dict-item]
    for wrong in ({"where": {3: "x"}}, {"where": {"fold": None}}, {"columns": {"file": 3}}, {"columns": {3: "file"}}):
        with pytest.raises(InputError):
            from_csv(path, **wrong)  # type: ignore[arg-type]
    for where, found in (({"label": "q"}, "'x', 'y', 'z'"), ({"fold": ["1", "9"]}, "'9' is not in the column fold")):
        with pytest.raises(InputError, match=found):
            from_csv(path, where=where)  # type: ignore[arg-type]


# -- Folds ------------------------------------------------------------------------------------------------------


def test_fewer_groups_than_folds_make_fewer_folds() -> None:
    clips = tuple(Clip(Path(f"{k}.wav"), ("ab"[k % 2],), group=str(k % 3)) for k in range(12))
    data = Dataset(clips, ("a", "b"))
    assert data.groups() == 3
    assert len(list(data.folds())) == 3
    with pytest.raises(InputError, match="2 folds of 1 files"):
        list(Dataset(clips[::3], ("a", "b")).folds())


def test_folds_that_only_some_clips_have_are_told() -> None:
    clips = tuple(Clip(Path(f"{k}.wav"), ("ab"[k % 2],), fold="1" if k else "") for k in range(12))
    assert any("1 of 12 clips have no fold" in line for line in Dataset(clips, ("a", "b")).warnings())


# -- Folders ----------------------------------------------------------------------------------------------------


def test_what_may_be_a_recording_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    names = (
        "a/1.wav",
        "a/2.M4A",
        "a/3.wma",
        "a/deep/4.amr",
        "a/5.xyz",
        "a/REC006",
        "b/7.aac",
        "loose.wav",
        "a/notes.txt",
        "a/x.jpg",
    )
    empty(*(tmp_path / name for name in names), tmp_path / "a" / "._1.wav")
    found = from_folder(tmp_path)
    assert sorted(clip.path.name for clip in found.clips) == ["1.wav", "2.M4A", "3.wma", "4.amr", "7.aac"]
    assert sorted(Path(line.split(":")[0]).name for line in found.passed_over) == ["5.xyz", "REC006", "loose.wav"]
    empty(tmp_path / "c" / "only.xyz")
    with pytest.raises(InputError, match=r"no recordings in 'c'.*only\.xyz"):
        from_folder(tmp_path)


def test_folders_of_a_split_or_of_folds_are_no_classes(tmp_path: Path) -> None:
    empty(
        *(tmp_path / "s" / part / label / "1.wav" for part in ("train", "Test") for label in ("dog", "train", "other"))
    )
    found = from_folder(tmp_path / "s")
    assert found.classes == ("dog", "train")
    assert sorted((c.split, c.labels) for c in found.clips)[:2] == [("test", ()), ("test", ("dog",))]
    empty(*(tmp_path / "f" / f"fold{k}" / label / "1.wav" for k in (1, 2) for label in ("dog", "cat")))
    assert [clip.fold for clip in from_folder(tmp_path / "f").clips] == ["1", "1", "2", "2"]
    empty(*(tmp_path / "u" / f"fold{k}" / "1.wav" for k in (1, 2)))
    with pytest.raises(InputError, match=r"fold1, fold2 are named after folds.*a table"):
        from_folder(tmp_path / "u")
    empty(tmp_path / "v" / "train" / "1.wav", tmp_path / "v" / "bus" / "1.wav")
    assert from_folder(tmp_path / "v").classes == ("bus", "train")


@pytest.mark.skipif(os.name == "nt", reason="names that are no text")
def test_a_name_that_is_no_text_does_not_end_the_training(tmp_path: Path) -> None:
    empty(tmp_path / "a" / os.fsdecode(b"caf\xe9.wav"), tmp_path / "b" / "1.wav")
    assert len(from_folder(tmp_path)) == 2


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
def test_links_are_followed_once_and_broken_ones_are_told_of_later(tmp_path: Path) -> None:
    empty(tmp_path / "elsewhere" / "1.wav", tmp_path / "data" / "a" / "2.wav")
    folder = tmp_path / "data" / "a"
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.wav").symlink_to("nowhere.wav")
    names = [clip.path.name for clip in from_folder(tmp_path / "data").clips]
    assert sorted(names) == ["1.wav", "2.wav", "gone.wav"]


# -- What is written can be read --------------------------------------------------------------------------------


def summary(file: str, seconds: float, length: float | None = None) -> Summary:
    return Summary(file, seconds, 1, 0.975, length_s=length)


def rows_of(dice: random.Random, file: str, count: int) -> list[Row]:
    starts = [round(dice.uniform(0, 5000), 6) for _ in range(count)]
    labels = ["Siren", "Child speech, kid speaking", "鳥", "a (0.5)", "Take 2"]
    return [
        Row(
            file,
            start,
            round(start + dice.uniform(0.001, 10), 6),
            dice.choice(labels),
            dice.random(),
            0,
            channel=dice.choice((None, 2)),
            time=dice.choice((None, datetime(2026, 5, 12, 5), datetime(2026, 5, 12, 5, tzinfo=timezone.utc))),
        )
        for start in starts
    ]


@pytest.mark.parametrize("name", ["audacity", "raven", "dcase", "csv"])
@pytest.mark.parametrize("seed", range(5))
def test_labels_come_back_as_they_were_written(tmp_path: Path, name: str, seed: int) -> None:
    dice = random.Random(f"{name} {seed}")
    files = [str(tmp_path / f"{k}.flac") for k in range(1 if name == "audacity" else 3)]
    empty(*map(Path, files))
    rows = [rows_of(dice, file, 8) for file in files]
    path = tmp_path / {"csv": "0.csv"}.get(name, f"0.{name}.txt")
    with path.open("wb") as file:
        stream = text_stream(file)
        with FORMATS[name].open(stream) as writer:
            for one in rows:
                writer.begin(one[0].file)
                writer.rows(one)
                writer.end(summary(one[0].file, 6000.0))
        stream.flush()
    wanted = sorted((row.file, row.start_s, row.end_s, row.label) for one in rows for row in one)
    if name == "csv":
        read = [(str(c.path), c.start_s, c.end_s) for c in from_csv(path, separator="|").clips]
        assert sorted(read) == [row[:3] for row in wanted]
        return
    found = [(s.file or files[0], round(s.start_s, 6), round(s.end_s or 0, 6), s.label) for s in read_annotations(path)]
    assert sorted(found) == wanted
    assert {clip.path for clip in from_labels([path]).clips} == set(map(Path, files))


def test_raven_lays_whole_recordings_end_to_end_also_of_stretches(
    small_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = {"a.wav": 4.0, "b.flac": 3.5, "c.wav": 5.0}
    for k, (name, seconds) in enumerate(lengths.items()):
        sound(tmp_path / name, seconds, 400 * (k + 1))
    monkeypatch.chdir(tmp_path)
    for k, stretch in enumerate(
        [[], ["--start", "1"], ["--start", "0.5", "--end", "2"], ["--end", "1.5"], ["--end", "99"]]
    ):
        arguments = [
            "classify",
            *lengths,
            "--model",
            str(small_model_path),
            "--backend",
            "numpy",
            "--top",
            "1",
            "--windows",
        ]
        assert main([*arguments, *stretch, "-o", f"{k}.raven.txt"]) == 0
        header, *lines = [line.split("\t") for line in Path(f"{k}.raven.txt").read_text(encoding="utf-8").splitlines()]
        rows = [dict(zip(header, line, strict=True)) for line in lines]
        before = dict(zip(lengths, itertools.accumulate([0.0, *lengths.values()]), strict=False))
        for row in rows:
            begin, offset = float(row["Begin Time (s)"]), float(row["File Offset (s)"])
            assert begin - offset == pytest.approx(before[row["Begin Path"]], abs=2e-6)
        read = from_labels([f"{k}.raven.txt"])
        assert {(c.path.name, round(c.start_s, 6)) for c in read.clips} == {
            (row["Begin Path"], float(row["File Offset (s)"])) for row in rows
        }


def test_raven_refuses_what_follows_a_recording_of_which_nobody_knows_the_end(tmp_path: Path) -> None:
    with (tmp_path / "t.txt").open("wb") as file, FORMATS["raven"].open(text_stream(file)) as writer:
        writer.begin("a.wav")
        writer.end(summary("a.wav", 2.0, float("inf")))
        with pytest.raises(InputError, match=r"b\.wav.*follows a\.wav.*does not say"):
            writer.begin("b.wav")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_goes_on_where_a_table_of_raven_cannot(
    small_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, jobs: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.ogg", "b.wav"):
        sound(tmp_path / name, 3.0)
    chained = (tmp_path / "a.ogg").read_bytes() * 2  # whose length no header says
    (tmp_path / "a.ogg").write_bytes(chained)
    arguments = ["classify", "a.ogg", "b.wav", "--model", str(small_model_path), "--backend", "numpy", "--top", "1"]
    assert main([*arguments, "--jobs", str(jobs), "--end", "1", "-o", "t.raven.txt"]) == 3
    assert "b.wav: in a table of Raven it follows a.ogg" in capsys.readouterr().err
    assert [Path(stretch.file).name for stretch in read_annotations("t.raven.txt")] == ["a.ogg"]


# -- Any number, any bytes --------------------------------------------------------------------------------------


def test_labels_that_cover_half_of_a_stretch_are_those_that_all_pairs_give() -> None:
    dice = random.Random(4)
    for _ in range(200):
        spans = [(float(a), float(a + dice.randint(1, 9))) for a in (dice.randint(0, 12) for _ in range(10))]
        labels: dict[Any, set[str]] = {}
        for span in spans:
            labels.setdefault(span, set()).add(dice.choice("abc"))
        for (start, end), names in covering(labels):
            assert names == {
                name
                for (a, b), those in labels.items()
                for name in those
                if min(end, b) - max(start, a) >= (end - start) / 2
            }


@pytest.mark.slow
def test_many_of_everything_take_no_time_by_the_square(tmp_path: Path) -> None:
    empty(tmp_path / "day.wav")
    count = 10_000
    nested = "".join(f"{k * 0.001:.3f}\t{2000 - k * 0.001:.3f}\tc{k % 3}\n" for k in range(count))
    assert len(from_labels([table(tmp_path / "day.txt", nested)])) == count
    names = "file,label\n" + "".join(f"day.wav,c{k}\n" for k in range(count))
    assert len(from_csv(table(tmp_path / "t.csv", names)).classes) == count
    folds = Dataset(
        tuple(Clip(Path(f"{k}.wav"), (f"c{k % 500}",)) for k in range(count)),
        tuple(sorted(f"c{k}" for k in range(500))),
    )
    assert len(list(folds.folds())) == 5


SEEDS = [
    "0.5\t1.5\tdog\n\\\t100\t200\n2.0\t2.0\tcat\n",
    "day.wav\t0.5\t1.5\tdog\n",
    "filename\tonset\toffset\tevent_label\nday.wav\t0.5\t1.5\tdog\nday.wav\t\t\t\n",
    f"{RAVEN}\tBegin Path\tFile Offset (s)\tSpecies\n1\tSpectrogram 1\t1\t0.5\t1.5\t0\t8\tC:\\x\\day.wav\t0.5\tsiren\n",
    'filename,fold,category,src_file\r\nday.wav,1,dog,100\r\nb.flac,2,"rain; wind",101\r\n',
    "slice_file_name,fsID,start,end,fold,class\nday.wav,100,0.5,2.5,5,siren\n",
    'fname,labels,mids,split\nday,"A,B","/m/1,/m/2",train\n',
    "sep=;\npath;offset;duration;label\nday.wav;1,0;0,5;siren\n",
]
PIECES = [
    b"\t",
    b",",
    b";",
    b"\n",
    b"\r",
    b'"',
    b"\0",
    b"1e999",
    b"-1",
    b"nan",
    b"../",
    b"\\",
    b"\xff",
    b"\x85",
    b"\x1b[2J",
    b"9" * 400,
]


def test_clips_of_a_table_share_what_they_have_in_common(tmp_path: Path) -> None:
    """Two million of them, as AudioSet's list has, are to fit."""
    empty(tmp_path / "a.wav")
    first, second = from_csv(table(tmp_path / "t.csv", "file,start,end,label\na.wav,0,1,x\na.wav,1,2,x\n")).clips
    assert first.path is second.path
    assert first.labels is second.labels
    assert first.group is second.group


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_bytes_a_table_holds_nothing_else_is_raised(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    empty(tmp_path / "day.wav")
    for _ in range(300):
        data = bytearray(dice.choice(SEEDS).encode(dice.choice(["utf-8", "utf-8", "utf-16"])))
        if dice.random() < 0.1:
            data = bytearray(dice.randbytes(200))
        for _ in range(dice.randrange(6)):
            at = dice.randrange(len(data) + 1)
            data[at : at + dice.choice([0, 0, 1, 10])] = dice.choice(
                [*PIECES, dice.randbytes(1), bytes(data[at : at + 30]) * 3]
            )
        path = table(tmp_path / dice.choice(["day.txt", "t.csv", "t.tsv"]), bytes(data))
        for read in (from_csv, lambda path: from_labels([path])):
            with contextlib.suppress(YamjitError):
                read(path)


# -- On the command line ----------------------------------------------------------------------------------------


@pytest.fixture
def sounds(tmp_path: Path, small_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YAMJIT_MODEL", str(small_model_path))
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))
    for label, pitch in (("low", 300), ("high", 2500)):
        for k in range(3):
            sound(tmp_path / "sounds" / label / f"{k}.wav", 1.0, pitch + 20 * k)
    return tmp_path / "sounds"


def run(*arguments: object) -> int:
    return main([*map(str, arguments), "--backend", "numpy"])


def test_train_tells_what_it_passes_over(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = sounds.parent / "m.tflite"
    for name in ("phone.m4a", "odd.xyz"):
        (sounds / "low" / name).write_bytes(b"\0\0\0 ftypM4A " + bytes(40))
    assert run("train", sounds, "-o", model, "--folds", 0, "-q") == 3
    err = capsys.readouterr().err
    assert "left out" in err
    assert "phone.m4a" in err
    assert "odd.xyz" in err
    for verb in (("evaluate",), ("calibrate", "--folds", 0)):
        assert run(*verb, sounds, "--model", model) == 3
        assert "odd.xyz" in capsys.readouterr().err
    (sounds / "only").mkdir()
    (sounds / "only" / "phone.m4a").write_bytes(b"\0\0\0 ftypM4A " + bytes(40))
    assert run("train", sounds, "-o", model) == 1
    assert "only/phone.m4a" in capsys.readouterr().err.replace("\\", "/")


def test_options_of_tables_are_told_where_they_do_nothing(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = table(sounds.parent / "day.txt", "0\t1\tx\n")
    for data, option in ((sounds, "--where"), (sounds, "--column"), (labels, "--where"), (labels, "--separator")):
        assert run("train", data, "-o", sounds.parent / "m.tflite", option, "fold=1") == 1
        assert f"{option} is only for tables" in capsys.readouterr().err


def test_where_twice_and_few_groups_on_the_command_line(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"sounds/{label}/{k}.wav,{label},{k}\n" for label in ("low", "high") for k in range(3))
    path = table(sounds.parent / "t.csv", f"file,label,group\n{rows}")
    arguments = ("train", path, "-o", sounds.parent / "m.tflite", "--where", "group=0", "--where", "group=2")
    assert run(*arguments) == 0
    out, err = capsys.readouterr()
    assert "2 classes, 4 clips" in out
    assert "2 recordings or groups: 2 folds in place of 5" in err
    assert run(*arguments[:4], "--where", "group=1") == 0
    assert "one recording or group: nothing can be held out" in capsys.readouterr().err
    assert run("calibrate", path, "--model", sounds.parent / "m.tflite", "--folds", 9) == 0
    assert "3 recordings or groups: 3 folds in place of 9" in capsys.readouterr().err
    assert run(*arguments[:4], "--where", "group=7") == 1
    assert "'7' is not in the column group" in capsys.readouterr().err


def test_splits_on_the_command_line(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(
        f"sounds/{label}/{k}.wav,{label},{('train', 'train', 'test')[k]}\n"
        for label in ("low", "high")
        for k in range(3)
    )
    path, model = table(sounds.parent / "t.csv", f"file,label,split\n{rows}"), sounds.parent / "m.tflite"
    assert run("train", path, "-o", model) == 0
    out = capsys.readouterr().out
    assert re.search(r"of 2 clips \(.*\)\n  fold test: ", out), out
    assert "2 classes, 4 clips" in out
    assert run("train", path, "-o", model, "--calibrate") == 1
    assert "use --folds N" in capsys.readouterr().err
    assert run("train", path, "-o", model, "--calibrate", "--folds", 2, "-q") == 0
    capsys.readouterr()
    assert run("evaluate", path, "--model", model) == 0
    assert "the model was trained on 4 of 6 clips" in capsys.readouterr().err
    assert run("evaluate", path, "--model", model, "--where", "split=test") == 0
    assert capsys.readouterr().err == ""
    assert run("calibrate", path, "--model", model) == 0
