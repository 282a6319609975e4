"""Answers that many requests share, kept for as long as what they rest on."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Memo"]

_Answer = TypeVar("_Answer")


class Memo(Generic[_Answer]):
    """At most so many answers; when there are more, all are forgotten. For one thread."""

    __slots__ = ("_answers", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: dict[Hashable, _Answer] = {}

    def recall(self, key: Hashable, make: Callable[[], _Answer]) -> _Answer:
        """Return the answer to ``key``, made if it is not known."""
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= self._most:
                self._answers.clear()
            answer = self._answers[key] = make()
        return answer
