"""What bounds the work of a request, whatever the model and however long the history."""

from typing import Final

__all__ = ["MAX_CANDIDATES", "MAX_HISTORY"]

MAX_CANDIDATES: Final = 500
"""So many restaurants of all go on to the ranker; all generators of a model together name no more."""
MAX_HISTORY: Final = 100
"""How many of a diner's most recent restaurants neighbours are looked up for."""
