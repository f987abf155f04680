"""A model as a page: a folder for any static host, in which a browser names the sounds of a microphone and of files."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.compiled.writer import plan_file_bytes
from yamjit.deploy.folder import compiled_model, web_files, write_folder
from yamjit.deploy.kit import platforms_of, read_kit
from yamjit.errors import DependencyError, ModelError
from yamjit.kernels.program import Column, StepOp
from yamjit.keywords import explained
from yamjit.spec import own_version

__all__ = ["export_page", "page_files"]

_HERE = Path(__file__).parent

#: The worker that keeps the page, and what it keeps: all other files.
_WORKER = "service-worker.js"

#: Files with words in them that stand for those of a model, and how these are escaped.
_FILLED: Mapping[str, Callable[[str], str]] = {
    "index.html": html.escape,
    "manifest.webmanifest": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
}


@explained
def export_page(
    model: Classifier,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    libraries: str | os.PathLike[str] | None = None,
) -> tuple[Path, ...]:
    """Write a page that names sounds, live and in recordings, for any static host.

    The page runs the model in the browser. It asks for its own files and nothing else, sends nothing, and works without
    a network once it was visited.

    Parameters
    ----------
    model : Classifier
        Its own names of classes, calibration and thresholds are written; its options are not.
    folder : path
        A folder that does not exist yet, or is empty. It is written whole or not at all.
    name : str, optional
        What the page calls the model; by default the name in its metadata.
    libraries : path, optional
        The folder that ``python -m tools.libraries`` wrote; by default the libraries that this installation holds.

    Returns
    -------
    tuple of Path
        The files that were written.

    Raises
    ------
    InputError
        If the model was loaded with heads, or the libraries are damaged or of another version.
    DependencyError
        If there are no modules of WebAssembly, as in a clone where none were built.
    ModelError
        If the model takes log-mel patches; or cannot be a plan file, see `deploy`.
    OutputError
        If the folder is not empty or cannot be written.

    Examples
    --------
    >>> from yamjit.deploy import export_page
    >>> export_page(yamjit.load("birds.tflite"), "birds-page", name="Birds")
    """
    checks.instance(model, "model", Classifier)
    files = page_files(model, name, None if libraries is None else checks.path(libraries, "libraries"))
    return write_folder(folder, files)


def page_files(model: Classifier, name: str | None = None, libraries: Path | None = None) -> dict[str, bytes]:
    """Return the files of a page by their names; arguments and errors are those of `export_page`."""
    compiled = compiled_model(model)
    kit = read_kit(libraries)
    if "wasm" not in platforms_of(kit):
        raise DependencyError(
            "the libraries have no modules of WebAssembly: python -m tools.libraries wasm builds them"
        )
    constants = compiled.plan.front_end
    if constants is None and not compiled.plan.takes_samples:
        raise ModelError("the model takes log-mel patches; a page needs one that takes samples")
    is_int8 = (compiled.plan.program.steps[:, Column.OP] < StepOp.MOVE).all()
    modules = (
        ("yamjit.wasm", "yamjit-relaxed.wasm") if is_int8 else ("yamjit-family.wasm", "yamjit-family-relaxed.wasm")
    )
    facts = {
        "bandHz": [] if constants is None else model.band_hz.tolist(),
        "frameHop": (1 if constants is None else constants.hop_length) / model.sample_rate,
    }
    files = {
        **{path.name: path.read_bytes() for path in sorted((_HERE / "page").iterdir())},
        **{f"yamjit/{name}": content for name, content in web_files().items() if name.endswith(".js")},
        **{f"yamjit/{name}": kit[f"wasm/{name}"] for name in modules if f"wasm/{name}" in kit},
        "model.plan": plan_file_bytes(compiled, "wasm", model.source.sha256),
        "page.json": json.dumps(facts).encode(),
    }
    return _filled(files, {"@NAME@": name or compiled.name or "yamjit", "@YAMJIT@": own_version()})


def _filled(files: dict[str, bytes], words: Mapping[str, str]) -> dict[str, bytes]:
    """Return files with the words of a model, and with the digests of all in the worker that keeps them."""
    worker = files.pop(_WORKER).decode()
    for file, escape in _FILLED.items():
        text = files[file].decode()
        for word, value in words.items():
            text = text.replace(word, escape(value))
        files[file] = text.encode()
    whole = hashlib.sha256(b"".join(name.encode() + hashlib.sha256(files[name]).digest() for name in sorted(files)))
    version = whole.hexdigest()[:16]
    files["index.html"] = files["index.html"].replace(b"@VERSION@", version.encode())
    kept = {
        name: f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"
        for name, content in sorted(files.items())
    }
    files[_WORKER] = worker.replace("@VERSION@", version).replace("@FILES@", json.dumps(kept, indent=2)).encode()
    return files
