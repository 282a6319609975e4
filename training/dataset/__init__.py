"""Data sets: a folder of events and restaurants that every model is trained and judged on.

The names below are what the rest of training uses; readers of foreign files are in ``sources``.
"""

from training.dataset.folder import Dataset, DatasetMeta, build, load, save
from training.dataset.restaurants import catalogue_of
from training.dataset.split import PROTOCOLS, Split, split
from training.dataset.synthetic import synthesise
from training.dataset.validate import Check, ValidationReport, validate

__all__ = [
    "PROTOCOLS",
    "Check",
    "Dataset",
    "DatasetMeta",
    "Split",
    "ValidationReport",
    "build",
    "catalogue_of",
    "load",
    "save",
    "split",
    "synthesise",
    "validate",
]
