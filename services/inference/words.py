"""What a filter may name: cuisines and attributes that some restaurant of the catalogue has."""

from bisect import bisect_left
from collections.abc import Sequence
from difflib import get_close_matches

from maitred.catalogue import Catalogue, Filters, LiveCatalogue
from maitred.errors import InvalidInput

__all__ = ["check_words"]

NEAR = 3
"""How many near words an unknown one is told, and for how many unknown ones they are looked up."""
_COMPARED = 300
"""Most words that an unknown one is compared with: bounds the time of a refusal to about 5 ms."""

Vocabulary = tuple[Sequence[str], ...]


def check_words(catalogue: Catalogue | LiveCatalogue, filters: Filters) -> None:
    """Refuse words that no restaurant has, which can only be mistakes.

    Raises:
        InvalidInput: naming each unknown word with those that look like it.
    """
    if not filters.cuisines and not filters.attributes:
        return
    parts = [catalogue] if isinstance(catalogue, Catalogue) else [catalogue.base, catalogue.changed]
    faults = [
        *_unknown("cuisine", filters.cuisines, tuple(p.columns.cuisines.words for p in parts)),
        *_unknown(
            "attribute", filters.attributes, tuple(p.columns.attributes.words for p in parts)
        ),
    ]
    if faults:
        name, reason = faults[0]
        msg = f"{name}: {reason}"
        raise InvalidInput(msg, fields=tuple(faults))


def _unknown(field: str, wanted: Sequence[str], known: Vocabulary) -> list[tuple[str, str]]:
    unknown = [word for word in wanted if not any(_has(words, word) for words in known)]
    return [
        (field, f"no restaurant has {word!r}{_near(word, known) if at < NEAR else ''}")
        for at, word in enumerate(unknown)
    ]


def _has(words: Sequence[str], word: str) -> bool:
    at = bisect_left(words, word)
    return at < len(words) and words[at] == word


def _near(word: str, known: Vocabulary) -> str:
    """Say which words look like it, upper and lower case being the same."""
    folded = {other.casefold(): other for words in known for other in words}
    compared = sorted(folded, key=lambda other: abs(len(other) - len(word)))[:_COMPARED]
    found = [folded[name] for name in get_close_matches(word.casefold(), compared, n=NEAR)]
    return f"; did you mean {', '.join(map(repr, found))}?" if found else ""
