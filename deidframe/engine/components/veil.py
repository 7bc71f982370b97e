"""Opaque ids: what a component is given says nothing of files and people but in its pixels.

An id such as `p001/1.jpg` names a person. An encoder or a redactor that reads it can do as if it had recognised somebody. So from
the source on each component is given tokens of its own, made with the run's secret, and what comes back gets its true ids again.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deidframe.contract.arrays import Ids
from deidframe.contract.artifacts import Embeddings, FaceSet, Partition, Points, Surrogates, Values
from deidframe.contract.photos import Detections, Photos, Pixels

KEYED = frozenset({"detector", "encoder", "synthesizer", "redactor", "landmarker", "measure"})
NUMBERED = frozenset({"clusterer"})
"""Roles that are given tokens, and one that is given numbers of rows, so that what it draws by name is the same in every run.
Outlier handlers and anonymizers are given people under numbers, attackers get probes and gallery under keys of their own."""


@dataclass(frozen=True)
class _Opener:
    """Opens pictures by token."""

    inner: Callable[[str], Pixels] = field(repr=False)
    ids: Mapping[str, str] = field(repr=False)

    def __call__(self, token: str) -> Pixels:
        return self.inner(self.ids[token])


class Veil:
    """The tokens of one call.

    Args:
        key: secret of the run and of the component: the same id has the same token in all calls of one component, and another one
            in another component's; None numbers the rows.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self._true: dict[str, str] = {}

    def over(self, argument: Any) -> Any:
        """Return an argument with tokens in the place of ids; what has no ids of faces or pictures stays as it is."""
        if isinstance(argument, FaceSet):
            subjects = argument.subjects and tuple(self._token(one, "person") for one in argument.subjects)
            return FaceSet(self._tokens(argument.ids), argument.images, argument.landmarks, subjects)
        if isinstance(argument, (Surrogates, Embeddings)):
            return _with(argument, ids=self._tokens(argument.ids))
        if isinstance(argument, Photos):
            ids = self._tokens(argument.ids)
            return Photos(ids, _Opener(argument.opener, dict(zip(ids, argument.ids, strict=True))))
        if isinstance(argument, Detections):
            return _with(argument, looked_at=self._tokens(argument.looked_at), photo_ids=self._tokens(argument.photo_ids))
        return argument

    def off(self, result: Any) -> Any:
        """Return a result with the true ids again; one that is not of this call is left for the checks to refuse."""
        if isinstance(result, (FaceSet, Embeddings, Partition, Points)):
            return _with(result, ids=self._trues(result.ids))
        if isinstance(result, Values):
            return _with(result, ids=self._trues(result.ids), missed=self._trues(result.missed))
        if isinstance(result, Photos):
            true = self._trues(result.ids)
            opener = _Opener(result.opener, dict(zip(true, result.ids, strict=True)))
            return Photos(true, opener, skipped={self._true.get(one, one): why for one, why in result.skipped.items()})
        if isinstance(result, Detections):
            return _with(result, looked_at=self._trues(result.looked_at), photo_ids=self._trues(result.photo_ids))
        return result

    def _tokens(self, ids: Ids) -> Ids:
        if self._key is None:
            made = tuple(f"row-{n:06d}" for n in range(len(ids)))
        else:
            made = tuple(self._token(one, "picture") for one in ids)
        self._true.update(zip(made, ids, strict=True))
        return made

    def _token(self, name: str, kind: str) -> str:
        assert self._key is not None, "people are never numbered"
        return hmac.digest(self._key, f"{kind}|{name}".encode("utf-8", "surrogateescape"), "sha256").hex()[:20]

    def _trues(self, tokens: Ids) -> Ids:
        return tuple(self._true.get(one, one) for one in tokens)


def _with(artifact: Any, **ids: Ids) -> Any:
    """Return an artifact under other ids, without a second check of its arrays."""
    made = object.__new__(type(artifact))
    for name in artifact.__dataclass_fields__:
        object.__setattr__(made, name, ids.get(name, getattr(artifact, name)))
    return made
