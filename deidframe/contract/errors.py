"""Every error that deidframe raises on purpose, one tree, each class with the exit code the CLI gives it."""

from __future__ import annotations

from typing import Any


class DeidframeError(Exception):
    """Root of every error raised on purpose. The message says what, where and what to do."""

    exit_code = 70


class RecipeError(DeidframeError):
    """The recipe is wrong; nothing ran. `complaints` holds one rendered text for each thing wrong."""

    exit_code = 3

    def __init__(self, message: str, complaints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.complaints = complaints


class UsageError(DeidframeError):
    """The command line (or a call's arguments) cannot be acted on."""

    exit_code = 2


class SourceError(UsageError):
    """The database cannot be read as the recipe says: an archive is missing, a table has another form. Raised by sources.

    It ends the run wherever it is raised, and nothing is released; one picture that cannot be opened is `UnreadablePhoto`.
    """


class PluginError(DeidframeError):
    """A needed plugin is missing, broken, clashing or written for another contract."""

    exit_code = 4


class NothingToDo(DeidframeError):
    """There is no face to work on; nothing was released."""

    exit_code = 5


class ReleaseRefused(DeidframeError):
    """A gate found that the release would expose someone; nothing was published."""

    exit_code = 6


class StoreError(DeidframeError):
    """The run folder or the cache cannot be written or read (full disk, wrong owner, another run at work)."""

    exit_code = 1


class WeightsError(DeidframeError):
    """Weights are missing, unreachable or not the ones that were asked for."""

    exit_code = 4


class UnreadablePhoto(DeidframeError):
    """One picture cannot be decoded. The engine withholds it under `reason` and goes on.

    Args:
        reason: a few words, lowercase, no path and no content of the picture.
    """

    exit_code = 1

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ArtifactError(DeidframeError):
    """What crossed the boundary between two stages is not what the contract says.

    Args:
        stage: who made it, for example `encoder sface`.
        field: which part of it, for example `vectors`.
        expected: what the contract asks for.
        got: what was there instead.
    """

    exit_code = 1

    def __init__(self, stage: str, field: str, expected: str, got: Any) -> None:
        super().__init__(f"{stage}: {field}: expected {expected}, got {got}")
        self.stage, self.field, self.expected, self.got = stage, field, expected, str(got)

    def __reduce__(self) -> tuple[Any, ...]:  # the default pickles the message alone and then fails on load
        return type(self), (self.stage, self.field, self.expected, self.got)


class StageError(DeidframeError):
    """A component failed while it worked on a cell; the cell is recorded as failed and the run goes on.

    Args:
        cell: name of the comparison cell.
        stage: role that failed.
        component: qualified name of the component.
        reason: what went wrong.
    """

    exit_code = 1

    def __init__(self, cell: str, stage: str, component: str, reason: str) -> None:
        super().__init__(f"{cell}: {stage} {component}: {reason}")
        self.cell, self.stage, self.component, self.reason = cell, stage, component, reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.cell, self.stage, self.component, self.reason)
