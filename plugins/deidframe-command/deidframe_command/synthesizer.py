"""Synthesizer `command`: a program makes one face of each folder of faces."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, FaceSet, IndexedStack, Partial, Surrogates, new_pictures
from deidframe_command.plugin import CommandParams
from deidframe_command.program import run_program

AT_ONCE = 2_000
"""Faces that one run of the program is given, at most, whole groups."""


class CommandSynthesizer:
    """Synthesizer `command`.

    Args:
        params: which program.
        context: gives a folder, and takes what is said.
    """

    def __init__(self, params: CommandParams, context: Context) -> None:
        self._params, self._context = params, context

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> Partial:
        """Return one picture for each group: the program is given a folder a group and makes a file of the folder's name."""
        groups, place = np.unique(surrogates.groups, return_inverse=True)
        order = np.argsort(place, kind="stable")
        sizes = np.bincount(place)
        pictures = new_pictures(len(groups), *faces.size, self._context.scratch)
        missing: dict[int, str] = {}
        first = 0
        while first < len(groups):
            last = first + 1
            while last < len(groups) and sizes[first : last + 1].sum() <= AT_ONCE:
                last += 1
            rows = order[sizes[:first].sum() : sizes[:last].sum()]
            images = np.asarray(faces.images[rows])
            given = {f"g{place[row]:06d}/{n:06d}": images[n] for n, row in enumerate(rows.tolist())}
            done = run_program(self._params, self._context, given, {f"g{group:06d}": "" for group in range(first, last)})
            for group in range(first, last):
                name = f"g{group:06d}"
                made = done.pictures.get(name)
                if made is None:
                    missing[group] = done.missing[name]
                elif made.shape[:2] != faces.size:
                    missing[group] = f"the program made another size of it ({made.shape[1]} x {made.shape[0]})"
                else:
                    pictures[group] = made
            first = last
        withheld = {faces.ids[row]: missing[group] for row, group in enumerate(place.tolist()) if group in missing}
        return Partial(FaceSet(faces.ids, IndexedStack(pictures, place.astype(np.int64))), withheld)
