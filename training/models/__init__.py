"""Recommenders behind one port; each becomes the same form of artefact."""

from training.models.port import Ranking, Recommender
from training.models.registry import DEFAULT, RECOMMENDERS, recommender

__all__ = ["DEFAULT", "RECOMMENDERS", "Ranking", "Recommender", "recommender"]
