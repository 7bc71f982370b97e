"""No connection by a component that does not say that it needs one, and none at all offline: as far as Python can see it.

Python tells of every socket that its own modules connect, bind or send by, and of every name that they look up. Native code that
opens a connection by itself is not seen; `SECURITY.md` says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
)
LOCAL = 1
"""The family of sockets inside one machine, AF_UNIX, by which libraries wake their own threads."""

_state: dict[str, Any] = {"hooked": False, "refused": ""}


class NetworkRefused(PermissionError):
    """A component asked for a connection."""


@contextmanager
def no_network(why: str) -> Iterator[None]:
    """Refuse connections of the whole process, its other threads too, while the block lasts.

    Args:
        why: ends the sentence of the error.
    """
    if not _state["hooked"]:
        sys.addaudithook(_hook)  # cannot be taken away again, so it is added once and looks at the state
        _state["hooked"] = True
    before, _state["refused"] = _state["refused"], why
    try:
        yield
    finally:
        _state["refused"] = before


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _state["refused"] and event in EVENTS and getattr(arguments[0], "family", None) != LOCAL:
        raise NetworkRefused(f"no connection: {_state['refused']}")
