"""The eleven hooks. A hook takes nothing and returns `Component` records; the work is done by the objects they name.

A plugin is an installed distribution whose `pyproject.toml` names one module for each component, `role.name` first:

    [project.entry-points.deidframe]
    "redactor.grey" = "my_plugin"

Each docstring below is a whole plugin that can be pasted into a module and run.
"""

from __future__ import annotations

import pluggy

from deidframe.contract.component import Component

hookspec = pluggy.HookspecMarker("deidframe")
hookimpl = pluggy.HookimplMarker("deidframe")


@hookspec
def deidframe_sources() -> list[Component]:
    """Bring sources: where pictures come from.

    import numpy as np
    from deidframe.contract import Component, Params, Photos, hookimpl

    class Settings(Params):
        count: int = 4

    class Noise:
        def __init__(self, params, context):
            self.count, self.context = params.count, context

        def load(self):
            ids = [f"noise-{n}" for n in range(self.count)]
            pictures = [self.context.rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in ids]
            return Photos.from_arrays(ids, pictures, subjects=ids)

    @hookimpl
    def deidframe_sources():
        return [Component("noise", f"{__name__}:Noise", Settings, "pictures of nothing", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_detectors() -> list[Component]:
    """Bring detectors: where the faces are.

    import numpy as np
    from deidframe.contract import Component, Detections, Params, align, hookimpl

    class Settings(Params):
        pass

    class Whole:
        def __init__(self, params, context):
            pass

        def detect(self, photos):
            sides = [photos.open(i).shape[0] for i in photos]
            boxes = np.array([(0, 0, s, s) for s in sides], np.float32).reshape(-1, 4)
            marks = np.array([align.template(s) for s in sides], np.float32).reshape(-1, 5, 2)
            return Detections(photos.ids, photos.ids, boxes, marks, np.ones(len(sides), np.float32))

    @hookimpl
    def deidframe_detectors():
        return [Component("whole", f"{__name__}:Whole", Settings, "takes each picture for a face", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_encoders() -> list[Component]:
    """Bring encoders: a face becomes a vector.

    import numpy as np
    from deidframe.contract import Component, Embeddings, Params, hookimpl

    class Settings(Params):
        pass

    class Colour:
        def __init__(self, params, context):
            pass

        def encode(self, faces):
            vectors = np.asarray(faces.images[:], np.float32).mean(axis=(1, 2))
            return Embeddings(faces.ids, vectors.astype(np.float32), "mean-colour")

    @hookimpl
    def deidframe_encoders():
        return [Component("colour", f"{__name__}:Colour", Settings, "mean colour", spaces=("mean-colour",), contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_clusterers() -> list[Component]:
    """Bring clusterers: people become groups.

    import numpy as np
    from deidframe.contract import Component, Params, Partition, hookimpl

    class Settings(Params):
        pass

    class InOrder:
        def __init__(self, params, context):
            pass

        def cluster(self, people, k):
            last = max(len(people) // k - 1, 0)
            labels = np.minimum(np.arange(len(people)) // k, last)
            return Partition(people.ids, labels.astype(np.int64))

    @hookimpl
    def deidframe_clusterers():
        return [Component("in-order", f"{__name__}:InOrder", Settings, "k people after one another", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_outlier_handlers() -> list[Component]:
    """Bring outlier handlers: any partition becomes one whose groups hold at least k people.

    import numpy as np
    from deidframe.contract import Component, Params, Partition, hookimpl

    class Settings(Params):
        pass

    class Drop:
        def __init__(self, params, context):
            pass

        def settle(self, people, partition, k):
            small = [g for g, size in partition.sizes().items() if size < k]
            labels = np.where(np.isin(partition.labels, small), -1, partition.labels)
            return Partition(people.ids, labels.astype(np.int64))

    @hookimpl
    def deidframe_outlier_handlers():
        return [Component("drop", f"{__name__}:Drop", Settings, "withholds small groups", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_anonymizers() -> list[Component]:
    """Bring anonymizers: what the surrogate of each group should look like, as an encoding.

    import numpy as np
    from deidframe.contract import Component, Params, Surrogates, hookimpl

    class Settings(Params):
        pass

    class FirstMember:
        def __init__(self, params, context):
            pass

        def anonymize(self, people, partition):
            keep = np.flatnonzero(partition.labels >= 0)
            labels = partition.labels[keep]
            first = {g: rows[0] for g, rows in partition.groups().items()}
            targets = np.stack([people.vectors[first[g]] for g in labels.tolist()])
            weights = np.array([float(first[g] == row) for g, row in zip(labels.tolist(), keep.tolist())])
            return Surrogates(tuple(people.ids[r] for r in keep), targets, labels, weights, people.space)

    @hookimpl
    def deidframe_anonymizers():
        return [Component("first-member", f"{__name__}:FirstMember", Settings, "aims at one member", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_synthesizers() -> list[Component]:
    """Bring synthesizers: the pictures that are released.

    import numpy as np
    from deidframe.contract import Component, FaceSet, IndexedStack, Params, hookimpl, new_pictures

    class Settings(Params):
        pass

    class Flat:
        def __init__(self, params, context):
            self.context = context

        def synthesize(self, faces, surrogates):
            groups, rows = np.unique(surrogates.groups, return_inverse=True)
            pictures = new_pictures(len(groups), *faces.size, self.context.scratch)
            for row, group in enumerate(groups.tolist()):
                pictures[row] = self.context.rng(str(group)).integers(0, 256, 3)
            return FaceSet(faces.ids, IndexedStack(pictures, rows.astype(np.int64)))

    @hookimpl
    def deidframe_synthesizers():
        return [Component("flat", f"{__name__}:Flat", Settings, "one colour a group", one_picture_per_group=True, contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_redactors() -> list[Component]:
    """Bring redactors: the incumbents that take something away from each face.

    import numpy as np
    from deidframe.contract import Component, FaceSet, Params, hookimpl

    class Settings(Params):
        pass

    class Grey:
        def __init__(self, params, context):
            pass

        def redact(self, faces):
            grey = np.asarray(faces.images[:]).mean(axis=3, keepdims=True).astype(np.uint8)
            return FaceSet(faces.ids, np.repeat(grey, 3, axis=3), faces.landmarks)

    @hookimpl
    def deidframe_redactors():
        return [Component("grey", f"{__name__}:Grey", Settings, "takes the colour away", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_landmarkers() -> list[Component]:
    """Bring landmarkers: a mesh over each face, by which a surrogate is posed in a scene.

    import numpy as np
    from deidframe.contract import Component, Params, Points, align, hookimpl

    class Settings(Params):
        pass

    class Corners:
        def __init__(self, params, context):
            pass

        def mark(self, faces):
            side = faces.size[0]
            flat = align.template(side) if faces.landmarks is None else faces.landmarks
            marks = np.broadcast_to(flat, (len(faces), 5, 2))
            points = np.concatenate([marks, np.zeros((len(faces), 5, 1))], axis=2).astype(np.float32)
            return Points(faces.ids, points, np.ones(len(faces), np.float32))

    @hookimpl
    def deidframe_landmarkers():
        return [Component("corners", f"{__name__}:Corners", Settings, "the five landmarks, flat", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_attackers() -> list[Component]:
    """Bring attackers: the measuring instruments of a privacy evaluation.

    import numpy as np
    from deidframe.contract import Component, LinkScores, Params, hookimpl

    class Settings(Params):
        pass

    class Guess:
        def __init__(self, params, context):
            self.context = context

        def prepare(self, briefing):
            self.briefing = briefing

        def attack(self, probes):
            shape = (len(probes), len(self.briefing.gallery))
            scores = self.context.rng(self.briefing.threat).random(shape, np.float32)
            return LinkScores(probes.ids, self.briefing.gallery.ids, scores)

    @hookimpl
    def deidframe_attackers():
        return [Component("guess", f"{__name__}:Guess", Settings, "chance", contract=2)]
    """
    raise NotImplementedError


@hookspec
def deidframe_measures() -> list[Component]:
    """Bring measures: what else a report should say of released faces, a number a face.

    import numpy as np
    from deidframe.contract import Component, Params, Values, hookimpl

    class Settings(Params):
        pass

    class Lighter:
        def __init__(self, params, context):
            pass

        def measure(self, originals, released):
            before, after = (np.asarray(one.images[:], np.float64).mean(axis=(1, 2, 3)) for one in (originals, released))
            return Values(originals.ids, np.abs(after - before))

    @hookimpl
    def deidframe_measures():
        what = "how much lighter or darker a face became"
        return [Component("lighter", f"{__name__}:Lighter", Settings, what, unit="grey levels", better="lower", contract=2)]
    """
    raise NotImplementedError


HOOKS = {
    "source": "deidframe_sources",
    "detector": "deidframe_detectors",
    "encoder": "deidframe_encoders",
    "clusterer": "deidframe_clusterers",
    "outlier-handler": "deidframe_outlier_handlers",
    "anonymizer": "deidframe_anonymizers",
    "synthesizer": "deidframe_synthesizers",
    "redactor": "deidframe_redactors",
    "landmarker": "deidframe_landmarkers",
    "attacker": "deidframe_attackers",
    "measure": "deidframe_measures",
}
"""Role -> the hook that brings its components."""
