"""A component with its parameters, ready to be made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from deidframe.contract.component import Need
from deidframe.contract.params import Params
from deidframe.host.catalogue import Loaded


@dataclass(frozen=True)
class Step:
    """A component with its validated parameters, and the encoders that those name besides."""

    role: str
    loaded: Loaded
    params: Params
    recognizers: Mapping[str, Step] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Equal for steps that do the same, so that they are made and run once."""
        return f"{self.role}|{self.loaded.qualified}|{json.dumps(self.params.model_dump(mode='json'), sort_keys=True)}"

    @property
    def name(self) -> str:
        """What the recipe calls it."""
        return self.loaded.component.name

    @property
    def who(self) -> str:
        """Its name for errors."""
        return f"{self.role} {self.name}"

    @property
    def space(self) -> str:
        """Embedding space of what an encoder makes."""
        spaces = self.loaded.component.spaces
        return spaces[0] if spaces else self.name

    @property
    def accepted_spaces(self) -> tuple[str, ...]:
        """Embedding spaces of encodings that it accepts, none for any."""
        return self.loaded.component.spaces if self.params.spaces is None else self.params.spaces

    @property
    def per_person(self) -> bool:
        """Whether an anonymizer gives each person a target of its own, which breaks the promise of k."""
        return self.params.per_person

    @property
    def per_group(self) -> bool:
        """Whether a synthesizer's picture of a group follows from that group's rows alone."""
        return self.params.per_group

    @property
    def groups_at_once(self) -> int:
        """How many groups a synthesizer that is `per_group` is best asked for at a time."""
        return max(1, self.params.groups_at_once)

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights that it loads."""
        return self.loaded.component.weights if self.params.loads is None else self.params.loads

    @property
    def networked(self) -> bool:
        """Whether it says that it opens connections."""
        return self.params.network or self.needs(Need.NETWORK)

    @property
    def asks_gpu(self) -> bool:
        """Whether it says that it computes on the device that it is given."""
        return self.params.gpu or self.needs(Need.GPU)

    def needs(self, need: Need) -> bool:
        """Whether the component asks for this."""
        return need in self.loaded.component.needs
