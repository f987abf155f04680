"""Files that are written whole or not at all, as other programs write them.

What fails is an `OSError` that names the file.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

__all__ = [
    "PARTIAL_PREFIX",
    "NamedFile",
    "check_writable",
    "naming",
    "partial_beside",
    "replace_whole",
    "temporary_file",
    "whole_file",
    "write_whole",
]

#: Beginning of the names of files that are being written.
PARTIAL_PREFIX = ".yamjit-partial-"

_BINARY = getattr(os, "O_BINARY", 0)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` as `whole_file` does."""
    with whole_file(path) as file:
        file.write(data)


def replace_whole(path: Path, data: bytes, mode: int) -> None:
    """Put a regular file with the content `data` at `path`, whole or not at all, in place of whatever is there.

    For caches, where only our own files belong; files that users name are written by `write_whole`.
    """
    partial = partial_beside(path)
    try:
        with io.BufferedWriter(NamedFile(_created(partial, mode), "wb", str(path))) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(mode)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Have errors of the system name `name` as the file concerned."""
    try:
        yield
    except OSError as error:
        error.filename = name
        raise


class NamedFile(io.FileIO):
    """A file that is `known_as` some name in its errors, and waits while a pipe is full."""

    def __init__(self, descriptor: int, mode: str, known_as: str, *, closefd: bool = True) -> None:
        super().__init__(descriptor, mode, closefd=closefd)
        self._known_as = known_as

    def write(self, data: Any, /) -> int:
        """Write as much of `data` as possible; return the number of bytes."""
        with naming(self._known_as):
            while (written := cast("int | None", super().write(data))) is None:
                import select

                select.select([], [self], [])
        return written


def temporary_file() -> io.BufferedRandom:
    """Return a file without a name, which vanishes when it is closed; its errors name the temporary directory."""
    import tempfile

    folder = tempfile.gettempdir()
    with naming(folder), tempfile.TemporaryFile(dir=folder) as file:
        return io.BufferedRandom(NamedFile(os.dup(file.fileno()), "rb+", folder))


@contextlib.contextmanager
def whole_file(
    path: Path, *, seeks: bool = False, synced: bool = True, kept: Callable[[Path], None] | None = None
) -> Iterator[BinaryIO]:
    """Give a file to write to, which replaces the one at `path` once it is whole, and not after an error.

    A link stays a link: the file it leads to is replaced. A file keeps its owner, permissions and attributes; if that
    is impossible, if it has other names, or if its directory cannot be written to, it is overwritten once the new
    content is whole. A new file gets the permissions that the umask leaves. Devices, named pipes and names of open
    files, such as ``/dev/stdout``, are written to directly; if the writer seeks, they get the content at the end.
    Unless it is `synced`, a power cut soon afterwards may leave an empty file.

    If an interruption ends the writing, `kept` is called with the path: what was written is then kept as
    ``<stem>.partial<suffix>``. By default, nothing is kept. An `OSError` has `path` as its `filename`.
    """
    name = str(path)
    with naming(name):
        direct = _opened_directly(path)
    if direct is not None:
        with direct:
            if seeks:
                with temporary_file() as waiting:
                    yield waiting
                    waiting.seek(0)
                    _copy(waiting, direct)
            else:
                yield direct
        return
    with naming(name):
        target = Path(os.path.realpath(path))
        before = _writable_status(target)
        partial, descriptor = _open_partial(target, before)
    try:
        interruption: BaseException | None = None
        with io.BufferedWriter(NamedFile(descriptor, "wb", name)) as file:
            try:
                yield file
            except BaseException as error:
                if isinstance(error, Exception) or kept is None:
                    raise
                interruption = error
            with naming(name):
                file.flush()
                if synced:
                    os.fsync(file.fileno())
        if interruption is None:
            with naming(name):
                _settle(partial, target, before)
        elif partial.stat().st_size:
            kept(_keep(partial, path))  # type: ignore[misc]
    finally:
        partial.unlink(missing_ok=True)
    if interruption is not None:
        raise interruption


def check_writable(path: Path, *, makes_folders: bool = False) -> None:
    """Raise `OSError` about `path` before there is anything to write if `whole_file` would.

    With `makes_folders`, missing folders on the way are not an obstacle: they will be made.
    """
    with naming(str(path)):
        if path.exists():
            if path.is_dir():
                raise _error(errno.EISDIR)
            if not os.access(path, os.W_OK):
                raise _error(errno.EACCES)
            return
        parents = Path(os.path.realpath(path)).parents
        folder = next(parent for parent in parents if os.path.lexists(parent))
        if not (folder == parents[0] or makes_folders):
            raise _error(errno.ENOENT)
        if not folder.is_dir():
            raise _error(errno.ENOTDIR)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _error(errno.EACCES)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _opened_directly(path: Path) -> io.BufferedWriter | None:
    """Open a device, a pipe or the name of an open file; return None for a path of a regular file."""
    known_as = str(path)
    descriptor = _descriptor_of(path)
    if descriptor is not None:
        return io.BufferedWriter(NamedFile(os.dup(descriptor), "wb", known_as))
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return None
    except FileNotFoundError:
        return None
    return io.BufferedWriter(NamedFile(os.open(path, os.O_WRONLY | _BINARY), "wb", known_as))


def _descriptor_of(path: Path) -> int | None:
    """Return the open file of this process that a path names, as ``/dev/stdout`` and ``/dev/fd/63`` do, or None."""
    for _ in range(40):
        folder = os.path.realpath(path.parent)
        if folder in ("/dev/fd", f"/proc/{os.getpid()}/fd") and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


def _writable_status(target: Path) -> os.stat_result | None:
    """Return the status of the file, None if there is none; refuse a file that may not be written to."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not os.access(target, os.W_OK):
        raise _error(errno.EACCES)
    return status


def partial_beside(target: Path) -> Path:
    """Return a name in the same folder for a file or folder that is being written."""
    return target.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{os.urandom(4).hex()}")


def _created(path: Path, mode: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)


def _open_partial(target: Path, before: os.stat_result | None) -> tuple[Path, int]:
    """Create the file that becomes `target`: beside it, or in the temporary directory if that is not allowed."""
    partial = partial_beside(target)
    try:
        return partial, _created(partial, 0o666 if before is None else 0o600)
    except OSError as error:
        if before is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        import tempfile

        descriptor, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX)
        return Path(name), descriptor


def _settle(partial: Path, target: Path, before: os.stat_result | None) -> None:
    """Put a whole file in its place."""
    if before is None:
        partial.replace(target)
        return
    if before.st_nlink == 1 and partial.parent == target.parent:
        # If that is not allowed, the file belongs to somebody else, or is a mount of its own: it is overwritten.
        with contextlib.suppress(OSError):
            if hasattr(os, "chown"):
                os.chown(partial, before.st_uid, before.st_gid)
            import shutil

            shutil.copystat(target, partial)
            os.utime(partial)
            partial.replace(target)
            return
    _write_over(target, partial, before.st_size)


def _write_over(target: Path, partial: Path, size_before: int) -> None:
    """Copy a whole file into an existing one, which stays as it was if there is no room."""
    with partial.open("rb") as whole, os.fdopen(os.open(target, os.O_RDWR | _BINARY), "rb+") as file:
        size = os.fstat(whole.fileno()).st_size
        try:
            if size > size_before and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            file.truncate(size_before)
            raise
        _copy(whole, file)
        file.truncate(size)


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    import shutil

    shutil.copyfileobj(source, target)


def _keep(partial: Path, path: Path) -> Path:
    """Give what was written a name that marks it as partial; return that path."""
    names = (f"{path.stem}.partial{number}{path.suffix}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    kept = next(place for place in map(partial.with_name, names) if not os.path.lexists(place))
    partial.replace(kept)
    return kept
