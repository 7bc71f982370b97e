"""The words of the report in plain language, those that this report uses."""

from __future__ import annotations

from deidframe.record.read import Record

_WORDS = (
    ("rank-1", "The share of people whom an attacker names right at the first guess, among all in its gallery. Lower is safer."),
    ("k-anonymity", "Every released picture stands for at least k people, so the picture alone cannot say which of them it is."),
    ("1/k", "What an attacker reaches who guesses among the k people of a group; k-anonymity promises no more than that."),
    ("surrogate", "The face that is released in the place of all faces of a group."),
    (
        "loss",
        "How far a released face lies from the person's own, as a face recogniser sees it: 0 is the same picture, about 1.4 a"
        " stranger.",
    ),
    ("SSE", "Sum of squared errors: how unlike the people of a group are. No single surrogate of a group can lose less."),
    ("95 % interval", "Two numbers between which the true figure lies in 95 of 100 such runs; wide where few people were tried."),
    ("enrolled, exact", "An attacker who has one other picture of everybody, or the very originals of the release."),
    ("chance", "What blind guessing reaches: one over the number of people."),
    ("threshold", "The distance below which a recogniser calls two pictures one person, wrong once in 1,000 pairs of strangers."),
)


def glossary(record: Record) -> list[tuple[str, str]]:
    """Return each word with its meaning: the report's own, then the components that look at faces."""
    seen = record.run.get("components") or {}
    return [*_WORDS, *((name, f"{text[:1].upper()}{text[1:]}.") for name, text in sorted(seen.items()))]
