"""Where each key of a TOML text stands, so that a complaint can point at it. tomli has already accepted the syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]\}\n#]*")


@dataclass
class _Scanner:
    text: str
    at: int = 0
    found: dict[KeyPath, int] = field(default_factory=dict)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def peek(self, token: str) -> bool:
        return self.text.startswith(token, self.at)

    def document(self) -> None:
        table: KeyPath = ()
        counts: dict[KeyPath, int] = {}
        while True:
            self.skip(_SPACE)
            if self.at >= len(self.text):
                return
            if self.peek("["):
                table = self.header(counts)
            else:
                self.pair(table)

    def header(self, counts: dict[KeyPath, int]) -> KeyPath:
        many = self.peek("[[")
        start = self.at
        self.at += 2 if many else 1
        names = [name for name, _ in self.dotted()]
        self.at += 2 if many else 1
        table: KeyPath = ()
        for name in names[:-1]:
            table = (*table, name)
            if table in counts:  # a name under an array of tables means its last entry
                table = (*table, counts[table] - 1)
        table = (*table, names[-1])
        self.found.setdefault(table, start)
        if many:
            counts[table] = counts.get(table, 0) + 1
            table = (*table, counts[table] - 1)
            self.found.setdefault(table, start)
        elif table in counts:
            table = (*table, counts[table] - 1)
        return table

    def dotted(self) -> list[tuple[str, int]]:
        names: list[tuple[str, int]] = []
        while True:
            self.skip(_BLANK)
            start = self.at
            if self.peek('"') or self.peek("'"):
                self.string()
                names.append((self.text[start + 1 : self.at - 1], start))
            else:
                self.skip(_BARE)
                if self.at == start:  # not TOML after all: never loop on it
                    self.at += 1
                names.append((self.text[start : self.at], start))
            self.skip(_BLANK)
            if not self.peek("."):
                return names
            self.at += 1

    def pair(self, table: KeyPath) -> None:
        path = table
        for name, start in self.dotted():
            path = (*path, name)
            self.found.setdefault(path, start)
        self.skip(_BLANK)
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.value(path)

    def value(self, path: KeyPath) -> None:
        if self.peek('"') or self.peek("'"):
            self.string()
        elif self.peek("["):
            self.items(path, "]")
        elif self.peek("{"):
            self.items(path, "}")
        else:
            self.skip(_SCALAR)

    def items(self, path: KeyPath, close: str) -> None:
        self.at += 1
        count = 0
        while self.at < len(self.text):
            self.skip(_SPACE)
            if self.peek(close):
                break
            if self.peek(","):
                self.at += 1
                continue
            before = self.at
            if close == "}":
                self.pair(path)
            else:
                self.found.setdefault((*path, count), self.at)
                self.value((*path, count))
                count += 1
            self.at = max(self.at, before + 1)
        self.at += 1

    def string(self) -> None:
        quote = self.text[self.at]
        fence = quote * 3 if self.peek(quote * 3) else quote
        self.at += len(fence)
        while self.at < len(self.text) and not self.peek(fence):
            self.at += 2 if quote == '"' and self.peek("\\") else 1
        self.at += len(fence)
        while len(fence) == 3 and self.peek(quote):  # up to two quotes may end a multi-line string's content
            self.at += 1


def locate(text: str) -> dict[KeyPath, tuple[int, int]]:
    """Return the line and column (from 1) of every key, table and array item of a valid TOML text."""
    scanner = _Scanner(text)
    scanner.document()
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    places: dict[KeyPath, tuple[int, int]] = {}
    line = 0
    for path, offset in sorted(scanner.found.items(), key=lambda item: item[1]):
        while line + 1 < len(starts) and starts[line + 1] <= offset:
            line += 1
        places[path] = (line + 1, offset - starts[line] + 1)
    return places
