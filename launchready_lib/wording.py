"""Lists and counts as sentences have them."""

from __future__ import annotations

from collections.abc import Iterable


def listed(items: Iterable[object], *, most: int = 6) -> str:
    """Join items for a sentence, each once: "a, b and 3 more"; empty where there are none."""
    texts = list(dict.fromkeys(str(item) for item in items))
    if len(texts) > most:
        texts = [*texts[: most - 1], f"{len(texts) - most + 1} more"]
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def brief(items: Iterable[object]) -> str:
    """The same for a sentence that has other things to say: at most four."""
    return listed(items, most=4)


def enumerated(items: Iterable[object], *, most: int = 6) -> str:
    """Names as a table's cell has them: "A, B, C and 2 more", none left out for the count's sake."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def counted(number: int, noun: str, plural: str = "s") -> str:
    """A number and its noun: "1 name", "2 names"; `plural` is the ending."""
    return f"{number} {noun}{plural if number != 1 else ''}"
