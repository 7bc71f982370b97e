"""Pack a release of many files into shards that the usual readers open, with a manifest each and one root hash over all."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deidframe.contract.errors import PluginError, StoreError, UsageError
from deidframe.guard.carry import FILE
from deidframe.record.merkle import root_of
from deidframe.record.release import MANIFEST, README, RELEASE, manifest
from deidframe.record.write import sync_folder, write_bytes, write_json

SHARD = 10_000
"""Records of a manifest, and pictures of a shard, at most."""
ROWS = 500
"""Rows of a row group."""
CARD = "CARD.md"
LAYOUTS = {"webdataset": ".tar", "parquet": ".parquet"}
"""Layout -> ending of its shards."""


@dataclass(frozen=True)
class Part:
    """One file of a packed release: its name, its sha256, and how many records or pictures it holds."""

    file: str
    sha256: str
    count: int


def pack(source: Path, target: Path, layout: str, *, once: bool = False) -> None:
    """Write a released folder anew as shards.

    Args:
        source: of `files`, as it was published.
        target: new folder.
        layout: `webdataset` or `parquet`.
        once: a picture that several records share is stored once, under its hash; the manifests say which record has which.

    Raises:
        UsageError: the source is no such folder, or the target exists. PluginError: pyarrow is missing. StoreError: a full disk.
    """
    if layout not in LAYOUTS:
        raise UsageError(f'no layout is called "{layout}"; there are {", ".join(LAYOUTS)}')
    stated, files = _read(source)
    if target.exists():
        raise UsageError(f"{str(target)!r} exists; give another folder, or remove it")
    try:
        target.mkdir(parents=True)
        names = sorted(files)
        manifests = []
        for number, start in enumerate(range(0, len(names), SHARD)):
            body = manifest({name: files[name] for name in names[start : start + SHARD]})
            manifests.append(_put(target / f"records-{number:06d}.sha256", body, len(names[start : start + SHARD])))
        stored = _stored(names, files, once=once)
        write = _write_tar if layout == "webdataset" else _write_parquet
        shards = []
        for number, start in enumerate(range(0, len(stored), SHARD)):
            path = target / f"pictures-{number:06d}{LAYOUTS[layout]}"
            own = stored[start : start + SHARD]
            write(path, _bytes(source, own, files))
            with path.open("rb") as stream:
                shards.append(Part(path.name, hashlib.file_digest(stream, "sha256").hexdigest(), len(own)))
        for name in (README, FILE):
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)
        facts = {
            **stated,
            "layout": layout,
            "once": once,
            "tree_sha256": root_of([one.sha256 for one in (*manifests, *shards)]),
            "manifests": [vars(one) for one in manifests],
            "shards": [vars(one) for one in shards],
        }
        write_bytes(target / CARD, card(facts).encode())
        write_json(target / RELEASE, facts)
        sync_folder(target)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise StoreError(f"cannot pack into {str(target)!r}: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def repack(folder: Path, layout: str, scratch: Path, *, once: bool) -> None:
    """Put shards in the place of a released folder's files.

    Args:
        folder: of the release.
        layout, once: see `pack`.
        scratch: private, empty, on the same disk; what a kill leaves behind lies there and in no release.
    """
    part, old = scratch / "packed", scratch / "files"
    pack(folder, part, layout, once=once)
    try:
        folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old)
        sync_folder(folder.parent)
    except OSError as error:
        raise StoreError(f"cannot put shards in the place of {str(folder)!r}: {error.strerror}") from error


def _read(source: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        stated = json.loads((source / RELEASE).read_text("utf-8"))
        lines = (source / MANIFEST).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        raise UsageError(f"{str(source)!r} is no release of files: no {RELEASE} or no {MANIFEST} in it") from None
    if stated.get("kind") == "scenes":
        raise UsageError(f"{str(source)!r} holds whole photos or videos, which keep their folders and are not packed")
    return stated, {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _stored(names: Sequence[str], files: dict[str, str], *, once: bool) -> list[tuple[str, str]]:
    """Return under which name which file's bytes are stored: each record's own, or each different picture's first."""
    if not once:
        return [(name, name) for name in names]
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(files[name], name)
    return [(f"{digest}.jpg", name) for digest, name in sorted(first.items())]


def _bytes(source: Path, own: Sequence[tuple[str, str]], files: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    for name, file in own:
        data = (source / file).read_bytes()
        if hashlib.sha256(data).hexdigest() != files[file]:
            raise UsageError(f"{file} is not what the manifest says: the release has changed and is not packed")
        yield name, data


def _put(path: Path, body: bytes, count: int) -> Part:
    write_bytes(path, body)
    return Part(path.name, hashlib.sha256(body).hexdigest(), count)


def _write_tar(path: Path, pictures: Iterator[tuple[str, bytes]]) -> None:
    """Write a plain tar whose bytes follow from the pictures alone."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in pictures:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))


def pyarrow() -> tuple[Any, Any]:
    """Return `pyarrow` and `pyarrow.parquet`.

    Raises:
        PluginError: it is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise PluginError("Parquet needs pyarrow: python -m pip install pyarrow") from None
    return arrow, parquet


def _write_parquet(path: Path, pictures: Iterator[tuple[str, bytes]]) -> None:
    """Write the columns `file` and `image`, the latter as the hub's readers know it."""
    arrow, parquet = pyarrow()
    features = {"file": {"dtype": "string", "_type": "Value"}, "image": {"_type": "Image"}}
    image = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    schema = arrow.schema(
        [("file", arrow.string()), ("image", image)], {"huggingface": json.dumps({"info": {"features": features}})}
    )
    with parquet.ParquetWriter(path, schema, compression="none") as writer:  # pictures are compressed already
        rows: list[dict[str, Any]] = []
        for name, data in pictures:
            rows.append({"file": name, "image": {"bytes": data, "path": name}})
            if len(rows) == ROWS:
                writer.write_table(arrow.Table.from_pylist(rows, schema))
                rows = []
        if rows:
            writer.write_table(arrow.Table.from_pylist(rows, schema))


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every picture of a shard.

    Raises:
        ValueError: it is broken, or holds something else.
    """
    if path.suffix == ".tar":
        try:
            with tarfile.open(path, "r:") as archive:
                for entry in archive:
                    stream = archive.extractfile(entry) if entry.isfile() else None
                    if stream is None:
                        raise ValueError(f"{entry.name} is no plain file")
                    yield entry.name, stream.read()
        except tarfile.TarError as error:
            raise ValueError(str(error)) from None
        return
    _, parquet = pyarrow()
    try:
        table = parquet.ParquetFile(path)
        if table.schema_arrow.names != ["file", "image"]:
            raise ValueError(f"columns {', '.join(table.schema_arrow.names)}")
        for batch in table.iter_batches(ROWS):
            for row in batch.to_pylist():
                yield row["file"], row["image"]["bytes"]
    except OSError as error:
        raise ValueError(str(error)) from None


def card(facts: dict[str, Any]) -> str:
    """Return the data set card: what was done, what holds, what does not, what was attacked, and how it is opened."""
    said, stated = facts["statement"], facts["certificate"]
    method, layout = facts["method"], facts["layout"]
    reader = {
        "webdataset": f'webdataset.WebDataset("pictures-{{000000..{len(facts["shards"]) - 1:06d}}}.tar")',
        "parquet": 'datasets.load_dataset("parquet", data_files="pictures-*.parquet")',
    }[layout]
    lines = [
        "---",
        "license: other",
        "task_categories: [image-classification]",
        "tags: [face, de-identified]",
        "---",
        f"# Faces made by {method}",
        "",
        said["sharing"],
        "",
        said["attack"],
        "",
        f"{facts['files']} records, {stated.get('distinct_pictures')} different pictures of {stated.get('people')} people.",
        "",
        "## What was checked",
        *(f"- {check['name']}: {check['words']}" for check in stated.get("checks", ())),
        "",
        "## What does not hold",
        *(f"- {one}" for one in stated.get("holds_not", ())),
        "",
        "## How it is opened",
        f"`{reader}`",
        "",
        "Each `records-*.sha256` lists up to 10,000 records with the hash of their picture"
        + (", under which the picture is stored once." if facts["once"] else "; pictures are stored under their record's name."),
        f"`deidframe verify` checks all of it, or one shard alone; the root over all hashes is {facts['tree_sha256']}.",
    ]
    if said.get("licences"):
        lines += ["", "## Licences of the weights behind the pictures", *(f"- {one}" for one in said["licences"])]
    return "\n".join(lines) + "\n"
