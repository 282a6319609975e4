"""A model as code plus data: its folder, its manifest, and the two stages that serve it.

Off-line evaluation and the inference service both rank with :mod:`candidates` and
:mod:`ranker`, so what was measured is what is served. Nothing here trains or talks to a network.
"""

from maitred.artifact.candidates import Shortlist, shortlist
from maitred.artifact.diners import DinerRow, Taste, taste_of
from maitred.artifact.folder import load, read_manifest, save
from maitred.artifact.manifest import (
    Check,
    DataSource,
    FileEntry,
    Generator,
    Manifest,
    Ranker,
    Verdict,
    version_of,
)
from maitred.artifact.model import Model
from maitred.artifact.ranker import Scored, feature_matrix, score
from maitred.artifact.segments import Segment, daypart, segment_keys

__all__ = [
    "Check",
    "DataSource",
    "DinerRow",
    "FileEntry",
    "Generator",
    "Manifest",
    "Model",
    "Ranker",
    "Scored",
    "Segment",
    "Shortlist",
    "Taste",
    "Verdict",
    "daypart",
    "feature_matrix",
    "load",
    "read_manifest",
    "save",
    "score",
    "segment_keys",
    "shortlist",
    "taste_of",
    "version_of",
]
