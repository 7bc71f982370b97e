"""Where the files of a database lie: a folder, a zip archive, an object store; listed once, read when a picture is asked for."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from deidframe.contract import PluginError, UnreadablePhoto, UsageError

LARGEST = 2**30
"""Bytes of a file in an archive; more is a bomb."""
LEADS_OUT = "its name leads out of the archive"
GONE = "file is missing"


class Tree(Protocol):
    """Files below one root, by relative path with forward slashes."""

    @property
    def folder(self) -> Path | None:
        """Where they lie on disk, None for an archive or a store."""
        ...

    def names(self) -> tuple[list[str], dict[str, str]]:
        """Return what can be read, sorted, and what cannot, with the reason."""
        ...

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return a file, or so many bytes of it.

        Raises:
            UnreadablePhoto: it is gone or may not be read.
        """
        ...

    def fingerprint(self, name: str) -> str:
        """Return a text that changes when the file does, "" where that cannot be told."""
        ...


def tree_of(path: str) -> Tree:
    """Return the tree at a path: a folder, a zip archive, or a URL such as `s3://bucket/faces`.

    Raises:
        UsageError: nothing is there. PluginError: fsspec is not installed.
    """
    if "://" in path:
        return remote_tree(path)
    local = Path(path).expanduser()
    if local.is_dir():
        return LocalTree(local)
    if local.is_file() and zipfile.is_zipfile(local):
        return ZipTree(local)
    if local.exists():
        raise UsageError(f"{path!r} is neither a folder nor a zip archive")
    raise UsageError(f"{path!r} does not exist; set source.params.path")


@dataclass(frozen=True)
class LocalTree:
    """A folder; links are not followed.

    Args:
        root: of it.
    """

    root: Path

    @property
    def folder(self) -> Path | None:
        """The root."""
        return self.root

    def names(self) -> tuple[list[str], dict[str, str]]:
        """Return every file and why links are left out."""
        found, left = [], {}
        for folder, folders, files in os.walk(self.root):
            here = Path(folder)
            for name in [*files, *(one for one in folders if (here / one).is_symlink())]:
                path = here / name
                relative = path.relative_to(self.root).as_posix()
                if path.is_symlink():
                    left[relative] = "symbolic link, not followed"
                else:
                    found.append(relative)
            folders[:] = sorted(one for one in folders if not (here / one).is_symlink())
        return sorted(found), left

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return a file, or a part of it."""
        try:
            with (self.root / name).open("rb") as stream:
                stream.seek(start)
                return stream.read() if size is None else stream.read(size)
        except FileNotFoundError:
            raise UnreadablePhoto(GONE) from None
        except OSError as error:
            raise UnreadablePhoto(f"file cannot be read ({error.strerror})") from None

    def fingerprint(self, name: str) -> str:
        """Return the file's sha256."""
        try:
            with (self.root / name).open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return ""


@dataclass(frozen=True)
class ZipTree:
    """A zip archive; nothing of it is unpacked to disk.

    Args:
        path: of it.
    """

    path: Path
    _open: threading.local = field(default_factory=threading.local, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:  # open files go to no other process
        return type(self), (self.path,)

    @property
    def folder(self) -> Path | None:
        """The folder in which the archive lies."""
        return self.path.parent

    def _archive(self) -> zipfile.ZipFile:
        if not hasattr(self._open, "archive"):
            self._open.archive = zipfile.ZipFile(self.path)
        archive: zipfile.ZipFile = self._open.archive
        return archive

    def names(self) -> tuple[list[str], dict[str, str]]:
        """Return every file, and why others are left out.

        Raises:
            UsageError: the archive is broken.
        """
        found, left = set[str](), dict[str, str]()
        try:
            entries = self._archive().infolist()
        except (OSError, zipfile.BadZipFile) as error:
            raise UsageError(f"{str(self.path)!r} is broken ({type(error).__name__})") from None
        for entry in entries:
            if entry.is_dir():
                continue
            if leads_out(entry.filename):
                left[entry.filename] = LEADS_OUT
            elif entry.filename in found:
                left[f"{entry.filename} (again)"] = "a second file of this name in the archive"
            elif entry.file_size > LARGEST:
                left[entry.filename] = f"declares {entry.file_size / 2**30:.1f} GiB"
            elif entry.flag_bits & 1:
                left[entry.filename] = "encrypted"
            else:
                found.add(entry.filename)
        return sorted(found), left

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return a file, or a part of it."""
        try:
            with self._archive().open(name) as stream:
                stream.seek(start)
                return stream.read() if size is None else stream.read(size)
        except KeyError:
            raise UnreadablePhoto(GONE) from None
        except Exception as error:  # a broken member raises what its packing raises
            raise UnreadablePhoto(f"broken in the archive ({type(error).__name__})") from None

    def fingerprint(self, name: str) -> str:
        """Return the file's sha256."""
        try:
            return hashlib.sha256(self.read(name)).hexdigest()
        except UnreadablePhoto:
            return ""


def leads_out(name: str) -> bool:
    """Whether a path in an archive leads out of it."""
    parts = PurePosixPath(name.replace("\\", "/"))
    return parts.is_absolute() or ".." in parts.parts or (len(name) > 1 and name[1] == ":")


def remote_tree(url: str) -> RemoteTree:
    """Return the tree below a URL; credentials are those that the store's own chain finds, and are never told.

    Raises:
        PluginError: fsspec, or what speaks the protocol, is not installed. UsageError: the store cannot be listed.
    """
    shown = without_secrets(url)
    try:
        import fsspec  # type: ignore[import-untyped]
    except ImportError:
        raise PluginError(f"{shown} needs fsspec: python -m pip install 'deidframe-folder[remote]'") from None
    try:
        store, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        known = "python -m pip install 'deidframe-folder[remote]' brings s3"
        raise PluginError(f"{shown}: nothing that speaks this protocol is installed ({type(error).__name__}); {known}") from None
    return RemoteTree(store, root.rstrip("/"), shown)


def without_secrets(url: str) -> str:
    """Return a URL without user, password and query."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


@dataclass(frozen=True)
class RemoteTree:
    """Objects of a store, by fsspec.

    Args:
        store: the file system.
        root: in it.
        shown: the URL as it may be told.
        marks: name -> what the store says that changes with the content.
    """

    store: Any
    root: str
    shown: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path | None:
        """None: nothing lies on this disk."""
        return None

    def names(self) -> tuple[list[str], dict[str, str]]:
        """Return every object below the root.

        Raises:
            UsageError: the store cannot be reached, or says no.
        """
        try:
            found: Mapping[str, Mapping[str, Any]] = self.store.find(self.root, detail=True)
        except FileNotFoundError:
            raise UsageError(f"{self.shown} does not exist") from None
        except PermissionError:
            raise UsageError(f"{self.shown}: access was denied; credentials are those of the environment") from None
        except Exception as error:  # what a store raises may hold keys, so its text is not told
            raise UsageError(f"{self.shown} cannot be listed ({type(error).__name__})") from None
        below = {path[len(self.root) :].lstrip("/"): about for path, about in found.items()}
        self.marks.update({name: mark for name, about in below.items() if (mark := _mark(about))})
        return sorted(name for name in below if name), {}

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return an object, or a part of it."""
        try:
            end = None if size is None else start + size
            data: bytes = self.store.cat_file(f"{self.root}/{name}", start=start or None, end=end)
            return data
        except FileNotFoundError:
            raise UnreadablePhoto("object is gone") from None
        except PermissionError:
            raise UnreadablePhoto("access was denied") from None
        except Exception as error:
            raise UnreadablePhoto(f"object cannot be read ({type(error).__name__})") from None

    def fingerprint(self, name: str) -> str:
        """Return the store's own mark of the content, else the object's sha256."""
        try:
            return self.marks.get(name) or hashlib.sha256(self.read(name)).hexdigest()
        except UnreadablePhoto:
            return ""


def _mark(about: Mapping[str, Any]) -> str:
    """Return an ETag with the size; "" where the store has none."""
    mark = about.get("ETag") or about.get("etag")
    return f"{str(mark).strip(chr(34))}-{about.get('size')}" if mark else ""
