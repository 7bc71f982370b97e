"""Small databases in every layout that the `folder` plugin reads, made of given pictures."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any


def make(home: Path, pictures: list[bytes]) -> dict[str, dict[str, Any]]:
    """Write them below a folder, three people with two pictures each, and return source -> its parameters.

    Args:
        pictures: six encoded JPEG files.
    """
    people = ("Ann_Bee", "Cy_Dee", "Eve_Eff")
    at = list(enumerate(pictures[:6]))
    names = {
        "lfw": [f"{people[n // 2]}/{people[n // 2]}_{n % 2 + 1:04d}.jpg" for n, _ in at],
        "celeba": [f"img/{n + 1:06d}.jpg" for n, _ in at],
        "rafd": [f"Rafd090_{n // 2 + 1:02d}_Caucasian_female_{('angry', 'happy')[n % 2]}_frontal.jpg" for n, _ in at],
        "fei": [f"{n // 2 + 1}{'ab'[n % 2]}.jpg" for n, _ in at],
        "agedb": [f"{n}_{people[n // 2].replace('_', '')}_{30 + n}_f.jpg" for n, _ in at],
        "imagefolder": [f"train/{n}.jpg" for n, _ in at],
    }
    for source, files in names.items():
        for name, data in zip(files, pictures, strict=False):
            path = home / source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    (home / "celeba" / "identity_CelebA.txt").write_text("".join(f"{n + 1:06d}.jpg {n // 2}\n" for n, _ in at))
    rows = [json.dumps({"file_name": f"{n}.jpg", "person": people[n // 2]}) for n, _ in at]
    (home / "imagefolder" / "train" / "metadata.jsonl").write_text("\n".join(rows))
    (home / "webdataset").mkdir(exist_ok=True)
    with tarfile.open(home / "webdataset" / "faces-000.tar", "w") as archive:
        for n, data in at:
            for name, body in ((f"{n}.jpg", data), (f"{n}.json", json.dumps({"person": people[n // 2]}).encode())):
                entry = tarfile.TarInfo(name)
                entry.size = len(body)
                archive.addfile(entry, io.BytesIO(body))
    params: dict[str, dict[str, Any]] = {source: {"path": str(home / source)} for source in names}
    params["imagefolder"]["person"] = "person"
    params["webdataset"] = {"path": str(home / "webdataset"), "person": "person"}
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return params
    (home / "parquet").mkdir(exist_ok=True)
    table = pyarrow.Table.from_pylist([{"image": data, "person": people[n // 2]} for n, data in at])
    parquet.write_table(table, home / "parquet" / "faces.parquet", row_group_size=4)
    params["parquet"] = {"path": str(home / "parquet"), "person": "person"}
    return params
