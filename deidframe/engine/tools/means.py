"""Release the means of groups of at least k people, with their counts, certified as pictures are."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np

from deidframe.contract.artifacts import Embeddings
from deidframe.contract.errors import UsageError
from deidframe.engine.protect.grouping import Grouped
from deidframe.guard.means import FILE, KIND, MeansCertificate, certify_means
from deidframe.record.release import publish
from deidframe.record.write import write_bytes


def release_means(encodings: Embeddings, grouped: Grouped, k: int, by: str, target: Path) -> MeansCertificate:
    """Write `means.npz`, a manifest, `RELEASE.json` and `README.txt` into a new folder.

    Args:
        encodings: what was grouped, picture by picture.
        grouped: the groups of its people.
        k: fewest people of a mean.
        by: the clusterer.
        target: must not exist.

    Raises:
        UsageError: the target exists. ReleaseRefused: a group has fewer than k people.
    """
    if target.exists():
        raise UsageError(f"{str(target)!r} exists; give another folder, or remove it")
    people = encodings.subjects or encodings.ids
    person_of = dict(zip(encodings.ids, people, strict=True))
    groups = {one: int(label) for one, label in zip(grouped.ids, grouped.labels.tolist(), strict=True) if label >= 0}
    certificate = certify_means(groups, person_of, k, encodings.space, by)
    kept = np.flatnonzero(grouped.crowd_labels >= 0)
    _, of, counts = np.unique(grouped.crowd_labels[kept], return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), grouped.crowd.vectors.shape[1]))
    np.add.at(sums, of, grouped.crowd.vectors[kept])
    means = sums / counts[:, None]
    # the order of groups follows from nothing of them but their means
    order = np.lexsort(means.T[::-1])
    out = io.BytesIO()
    np.savez(out, means=means[order].astype(np.float32), people=counts[order], space=np.array(encodings.space))
    staged = target.with_name(f".part-{target.name}")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        staged.mkdir(parents=True)
        write_bytes(staged / FILE, out.getvalue())
        said = certificate.statement
        files = {FILE: hashlib.sha256(out.getvalue()).hexdigest()}
        facts = {"kind": KIND, "method": f"means by {by}"}
        publish(staged, target, files, certificate.as_dict(), facts, said.as_dict(), said.text(f"means by {by}"))
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return certificate
