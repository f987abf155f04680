"""AudioSet's classes: complete, without circles, found by id, name and near spelling; how the table is made."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tools.class_map import DATA_FILE, class_map_table
from tools.class_map import main as write_class_map
from yamjit.class_map import (
    audioset_classes,
    audioset_id,
    descendants,
    find_class,
    known_class,
)
from yamjit.errors import InputError, YamjitError
from yamjit.labels import parse_labels
from yamjit.tflite import read_graph

ONTOLOGY = [
    {"id": "/m/a", "name": "Animal", "description": "...", "child_ids": ["/m/d"]},
    {"id": "/m/d", "name": "Dog", "child_ids": []},
    {"id": "/m/p", "name": "Pets, at home", "child_ids": ["/m/d"]},
]
CLASS_MAP = 'index,mid,display_name\n0,/m/d,Dog\n1,/m/p,"Pets, at home"\n'


def names(ids: tuple[str, ...]) -> list[str]:
    return [find_class(identifier).name for identifier in ids]


def test_all_of_yamnets_classes_are_there() -> None:
    classes = audioset_classes()
    assert len(classes) == 632
    places = [known.yamnet_index for known in classes.values() if known.yamnet_index is not None]
    assert sorted(places) == list(range(521))
    assert len({known.name.casefold() for known in classes.values()}) == 632
    assert find_class("Speech").yamnet_index == 0
    assert find_class("Field recording").yamnet_index == 520


def test_parents_and_children_agree() -> None:
    classes = audioset_classes()
    for known in classes.values():
        assert all(known.id in classes[parent].children for parent in known.parents)
        assert all(known.id in classes[child].parents for child in known.children)
    roots = [known.name for known in classes.values() if not known.parents]
    assert roots == [
        "Human sounds",
        "Animal",
        "Music",
        "Natural sounds",
        "Sounds of things",
        "Source-ambiguous sounds",
        "Channel, environment and background",
    ]
    below = set().union(*(descendants(find_class(root).id) for root in roots))
    assert len(below) == 632 - len(roots)


def test_descendants_come_once_nearer_ones_first() -> None:
    dog = find_class("Dog")
    assert names(dog.parents) == ["Domestic animals, pets"]
    assert names(descendants(dog.id)) == ["Bark", "Yip", "Howl", "Bow-wow", "Growling", "Whimper (dog)", "Bay"]
    animals = descendants(find_class("Animal").id)
    assert len(set(animals)) == len(animals)
    assert animals.index(find_class("Domestic animals, pets").id) < animals.index(dog.id)
    assert find_class("Animal").id not in animals
    assert descendants(find_class("Bark").id) == ()
    # A class of two parents is below both.
    growling = find_class("Growling").id
    assert all(growling in descendants(find_class(name).id) for name in ("Dog", "Roaring cats (lions, tigers)"))


def test_descendants_are_those_of_the_plain_definition() -> None:
    def slow(identifier: str) -> set[str]:
        children = audioset_classes()[identifier].children
        return set(children).union(*(slow(child) for child in children))

    for identifier in audioset_classes():
        assert set(descendants(identifier)) == slow(identifier)


def test_classes_are_found_by_id_and_by_name_in_any_case() -> None:
    for text in ("Dog", "dog", "DOG", "/m/0bt9lr"):
        assert find_class(text).id == audioset_id("dog") == "/m/0bt9lr"
    assert known_class("No such sound") is None
    assert known_class("") is None
    assert audioset_id("No such sound") == audioset_id("") == ""


def test_unknown_classes_are_refused_with_others_that_may_be_meant() -> None:
    with pytest.raises(InputError, match="'Speach' is not a class of AudioSet; did you mean 'Speech'"):
        find_class("Speach")
    with pytest.raises(InputError, match=r"AudioSet$"):
        find_class("qqqqqq")
    with pytest.raises(InputError):
        descendants("/m/nothing")


def test_the_table_is_what_the_tool_makes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ontology, class_map, out = tmp_path / "o.json", tmp_path / "c.csv", tmp_path / "out.tsv"
    ontology.write_text(json.dumps(ONTOLOGY), "utf-8")
    class_map.write_text(CLASS_MAP, "utf-8")
    write_class_map([str(ontology), str(class_map), "-o", str(out)])
    lines = out.read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "/m/a\t\tAnimal\t",
        "/m/d\t0\tDog\t/m/a,/m/p",
        "/m/p\t1\tPets, at home\t",
    ]
    assert "CC BY-SA 4.0" in lines[1]
    assert "Apache-2.0" in lines[2]
    assert f"{out.stat().st_size} bytes" in capsys.readouterr().out
    assert DATA_FILE.read_text("utf-8").splitlines()[:4] == lines[:4]


def test_the_tool_refuses_files_that_contradict_each_other() -> None:
    circle = [*ONTOLOGY[1:], {"id": "/m/a", "name": "Animal", "child_ids": ["/m/b"]}]
    circle.append({"id": "/m/b", "name": "Beast", "child_ids": ["/m/a", "/m/d"]})
    with pytest.raises(ValueError, match="own ancestors: /m/d, /m/a, /m/b"):
        class_map_table(json.dumps(circle), CLASS_MAP)
    with pytest.raises(ValueError, match="'Cat' here and 'Dog'"):
        class_map_table(json.dumps(ONTOLOGY), CLASS_MAP.replace("Dog", "Cat"))
    with pytest.raises(ValueError, match="None in the ontology"):
        class_map_table(json.dumps(ONTOLOGY), CLASS_MAP.replace("/m/d", "/m/x"))
    with pytest.raises(ValueError, match="number its classes"):
        class_map_table(json.dumps(ONTOLOGY), CLASS_MAP.replace("1,", "2,"))


@pytest.mark.recordings
def test_the_table_is_that_of_the_published_files(test_data: Path) -> None:
    folder = test_data / "classes"
    if not folder.is_dir():
        pytest.skip("the published class lists are not at hand ($YAMJIT_TEST_DATA/classes)")
    texts = [(folder / name).read_text("utf-8") for name in ("ontology.json", "yamnet_class_map.csv")]
    assert class_map_table(*texts) == DATA_FILE.read_text("utf-8")


@pytest.mark.model
def test_the_names_are_those_of_the_official_model(official_model_path: Path) -> None:
    (labels,) = read_graph(official_model_path.read_bytes()).files.values()
    for index, label in enumerate(parse_labels(labels)):
        assert find_class(label).yamnet_index == index


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file"), KeyError("no entry"), ValueError("no text")])
def test_a_table_that_cannot_be_read_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> str:
        raise error

    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(YamjitError, match=r"audioset\.tsv': cannot be read: .*; install yamjit anew"):
        audioset_classes.__wrapped__()


def test_the_table_is_not_read_before_it_is_needed() -> None:
    import subprocess
    import sys

    code = "import yamjit.class_map as c, sys; assert c.audioset_classes.cache_info().currsize == 0"
    code += "; assert 'unicodedata' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, timeout=60)
