"""What the parameters of every component are: a closed, strict model, and what the core reads off it besides its fields."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Params(BaseModel, extra="forbid", strict=True):
    """Parameters of a component: an unknown key or another type is an error in the recipe, with its line.

    Fields are the recipe's keys. Of the properties a component overrides those that are not so for it, as properties, since most
    of them follow from its fields.
    """

    @property
    def spaces(self) -> tuple[str, ...] | None:
        """Embedding spaces in which it accepts encodings with these parameters, None for those that its `Component` names."""
        return None

    @property
    def loads(self) -> tuple[str, ...] | None:
        """Names of the weights that it loads with these parameters, None for all that its `Component` names."""
        return None

    @property
    def network(self) -> bool:
        """With these parameters it opens connections, as a source that reads from a URL does; `Need.NETWORK` says so for all."""
        return False

    @property
    def gpu(self) -> bool:
        """With these parameters it computes on the device that it is given; `Need.GPU` says so for all."""
        return False

    @property
    def recognizers(self) -> tuple[str, ...]:
        """Names of encoders; it is handed a recogniser with each of them, as `Context.recognizers`."""
        return ()

    @property
    def attack_encoders(self) -> tuple[str, ...]:
        """Of an attacker: names of the encoders with which it may see, best first.

        A single name is a decision. Of several, the first that is installed and made no groups is taken; none stands for any.
        """
        return ()

    @property
    def per_person(self) -> bool:
        """Of an anonymizer: each person gets a target of its own, so there is no promise of k."""
        return False

    @property
    def promise(self) -> str:
        """Of an anonymizer that is `per_person`: what it promises instead, a sentence for the certificate."""
        return ""

    def beyond_k(self, k: int) -> str:
        """Of an anonymizer: what it does besides grouping at least k people, sentences for the certificate; "" for nothing."""
        return ""

    @property
    def caution(self) -> str:
        """What is known to be weak about these parameters, a sentence that is said before a run; "" for nothing."""
        return ""

    @property
    def aims(self) -> tuple[str, ...]:
        """Of a synthesizer: those of `recognizers` by whose encodings it aims, so that it wants targets in their spaces."""
        return ()

    @property
    def per_group(self) -> bool:
        """Of a synthesizer: a group's picture follows from that group's rows alone, so it may be asked for and kept alone."""
        return False

    @property
    def takes(self) -> Literal["face", "person", "scene"]:
        """Of a redactor: what it is given at a time: any faces, all faces of one person, or whole photos (`redact_scene`)."""
        return "face"

    @property
    def per_subject(self) -> bool:
        """Of a redactor: its picture follows from who somebody is, and from no pixel; checked where it is drawn into scenes."""
        return False

    @property
    def groups_at_once(self) -> int:
        """Of a synthesizer that is `per_group`: so many groups are best asked for at a time; on a GPU eight times as many."""
        return 8
