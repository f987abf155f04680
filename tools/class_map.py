"""Makes ``src/yamjit/data/audioset.tsv``: ids, names and parents of AudioSet's classes, and YAMNet's place for each.

Run ``python -m tools.class_map ontology.json yamnet_class_map.csv [-o OUT.tsv]``. The first file is the AudioSet
ontology (https://github.com/audioset/ontology, CC BY-SA 4.0), the second YAMNet's class map
(https://github.com/tensorflow/models, ``research/audioset/yamnet``, Apache-2.0). Descriptions, examples and
restrictions are left out. The same files always give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["DATA_FILE", "class_map_table", "main"]

#: Where the package keeps it.
DATA_FILE = Path(__file__).resolve().parents[1] / "src" / "yamjit" / "data" / "audioset.tsv"

CREDIT = (
    "# Classes of AudioSet: id, place among YAMNet's classes (empty: none), name, ids of the parents.",
    "# Names and parents: the AudioSet ontology by Google, CC BY-SA 4.0, https://github.com/audioset/ontology",
    "# Places: YAMNet's class map by Google, Apache-2.0, https://github.com/tensorflow/models",
    "# Made by tools/class_map.py: facts taken over, format changed. This file: CC BY-SA 4.0.",
)


def class_map_table(ontology: str, class_map: str) -> str:
    """Return the table.

    Parameters
    ----------
    ontology : str
        Content of ``ontology.json``.
    class_map : str
        Content of ``yamnet_class_map.csv``.

    Returns
    -------
    str
        Lines of tab-separated fields, the classes in the order of the ontology.

    Raises
    ------
    ValueError
        If the files contradict each other, or a class is its own ancestor.
    """
    classes = {entry["id"]: entry for entry in json.loads(ontology)}
    places = _places(class_map, classes)
    parents: dict[str, list[str]] = {identifier: [] for identifier in classes}
    for entry in classes.values():
        for child in entry["child_ids"]:
            parents[child].append(entry["id"])
    _check_order(parents)
    lines = [
        "\t".join((identifier, places.get(identifier, ""), entry["name"], ",".join(parents[identifier])))
        for identifier, entry in classes.items()
    ]
    return "\n".join((*CREDIT, *lines)) + "\n"


def _places(class_map: str, classes: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    places = {}
    for row in csv.DictReader(class_map.splitlines()):
        name = classes[row["mid"]]["name"] if row["mid"] in classes else None
        if name != row["display_name"]:
            raise ValueError(f"class {row['index']} is {row['display_name']!r} here and {name!r} in the ontology")
        places[row["mid"]] = row["index"]
    if sorted(map(int, places.values())) != list(range(len(places))):
        raise ValueError("the class map does not number its classes from 0")
    return places


def _check_order(parents: Mapping[str, Sequence[str]]) -> None:
    """Check that no class is its own ancestor: remove classes whose parents are gone until none is left."""
    left = dict(parents)
    while left:
        gone = [identifier for identifier in left if not any(parent in left for parent in left[identifier])]
        if not gone:
            raise ValueError(f"these classes are their own ancestors: {', '.join(left)}")
        for identifier in gone:
            del left[identifier]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table from the two files that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tools.class_map", description="Write the table of classes.")
    parser.add_argument("ontology", type=Path, help="ontology.json of AudioSet")
    parser.add_argument("class_map", type=Path, help="yamnet_class_map.csv")
    parser.add_argument("-o", "--out", type=Path, default=DATA_FILE, help="the table (default: %(default)s)")
    options = parser.parse_args(arguments)
    table = class_map_table(options.ontology.read_text("utf-8"), options.class_map.read_text("utf-8"))
    options.out.write_text(table, encoding="utf-8", newline="\n")
    print(f"{options.out}: {len(table):,} bytes")


if __name__ == "__main__":
    main()
