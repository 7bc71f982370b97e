"""All that a plugin needs: artifacts, roles, the hooks and the errors. Plugins import nothing else of the core but weights."""

from __future__ import annotations

from deidframe.contract import align, boxes, means
from deidframe.contract.artifacts import (
    Embeddings,
    FaceSet,
    LinkScores,
    Partial,
    Partition,
    PersonScores,
    Points,
    Surrogates,
    Values,
)
from deidframe.contract.component import ROLES, Component, Context, Need, SamePerson
from deidframe.contract.decode import decode
from deidframe.contract.errors import (
    ArtifactError,
    DeidframeError,
    NothingToDo,
    PluginError,
    RecipeError,
    ReleaseRefused,
    SourceError,
    StageError,
    StoreError,
    UnreadablePhoto,
    UsageError,
    WeightsError,
)
from deidframe.contract.hookspecs import hookimpl
from deidframe.contract.params import Params
from deidframe.contract.photos import Detections, Photos
from deidframe.contract.roles import (
    Briefing,
    Differentiable,
    Inverts,
    Judges,
    Recognition,
    Recognizer,
    RedactsScenes,
    TorchEncoder,
)
from deidframe.contract.stacks import IndexedStack, LazyStack, Stack, new_pictures
from deidframe.contract.version import CONTRACT_VERSION

__all__ = [
    "CONTRACT_VERSION",
    "ROLES",
    "ArtifactError",
    "Briefing",
    "Component",
    "Context",
    "DeidframeError",
    "Detections",
    "Differentiable",
    "Embeddings",
    "FaceSet",
    "IndexedStack",
    "Inverts",
    "Judges",
    "LazyStack",
    "LinkScores",
    "Need",
    "NothingToDo",
    "Params",
    "Partial",
    "Partition",
    "PersonScores",
    "Photos",
    "PluginError",
    "Points",
    "RecipeError",
    "Recognition",
    "Recognizer",
    "RedactsScenes",
    "ReleaseRefused",
    "SamePerson",
    "SourceError",
    "Stack",
    "StageError",
    "StoreError",
    "Surrogates",
    "TorchEncoder",
    "UnreadablePhoto",
    "UsageError",
    "Values",
    "WeightsError",
    "align",
    "boxes",
    "decode",
    "hookimpl",
    "means",
    "new_pictures",
]
