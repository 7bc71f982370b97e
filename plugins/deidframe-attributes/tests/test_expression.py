from __future__ import annotations

import numpy as np
import pytest

from deidframe.contract import Context, FaceSet, align
from deidframe_attributes.expression import EXPRESSIONS, Expression
from deidframe_attributes.plugin import ExpressionParams
from deidframe_people.plugin import PeopleParams
from deidframe_people.source import SyntheticPeople


def test_it_is_steady_and_its_rows_are_probabilities(tmp_path_factory: pytest.TempPathFactory) -> None:
    context = Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))
    photos = SyntheticPeople(PeopleParams(people=20, pictures=3), context).load()
    marks = np.repeat(align.template(256)[None], 60, axis=0)
    faces = FaceSet(photos.ids, np.stack([photos.open(i) for i in photos]), marks)
    encoder = Expression(ExpressionParams(), context)
    said = encoder.encode(faces)
    assert (said.ids, said.space, said.vectors.shape) == (photos.ids, "expression", (60, len(EXPRESSIONS)))
    assert np.allclose(said.vectors.sum(axis=1), 1, atol=1e-3)
    assert (said.vectors >= 0).all()
    moved = FaceSet(faces.ids, faces.images, (marks + np.array((2.0, -1.5))).astype(np.float32))
    again = encoder.encode(moved).vectors
    assert (said.vectors.argmax(axis=1) == again.argmax(axis=1)).mean() > 0.85
    assert len(set(said.vectors.argmax(axis=1).tolist())) > 1, "not everybody looks the same"
    happy = said.vectors[:, EXPRESSIONS.index("happy")]
    assert happy.mean() > said.vectors[:, EXPRESSIONS.index("disgusted")].mean(), (
        "portraits smile more than they frown in disgust"
    )
