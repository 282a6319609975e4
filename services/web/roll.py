"""A rolling restart: every post gets a new holder, one post after another, none left unfilled."""

from collections import deque
from collections.abc import Iterable

from services.web.post import Post

__all__ = ["Roll"]


class Roll:
    """One restart of all posts; :meth:`step` it after each look until :attr:`is_over`.

    A successor that does not become ready ends it: that post's old holder stays, and so do those
    whose turn had not come. ``reason`` says why then.
    """

    def __init__(self, posts: Iterable[Post]) -> None:
        self._waiting = deque(posts)
        self._current: Post | None = None
        self.reason: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self._current is None and not self._waiting

    def step(self) -> None:
        """Begin the next post's change, if the one before has ended."""
        if self._current is not None:
            if self._current.failure is not None:
                self.reason = (
                    f"{self._current.recipe.name} could not start: {self._current.failure}"
                )
                self._waiting.clear()
                self._current = None
            elif self._current.is_settled:
                self._current = None
        if self._current is None and self._waiting:
            self._current = self._waiting.popleft()
            self._current.relieve()
