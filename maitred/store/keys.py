"""Every key in Redis: its type, who writes it, who reads it, and how long it lives.

=====================================  ======  ============================  =====================
key                                    type    written by                    read by
=====================================  ======  ============================  =====================
``{models}:current``                   string  promote, rollback             inference, training
``{models}:versions``                  set     publish                       models list
``{models}:<version>:manifest``        string  publish                       loader
``{models}:<version>:<file>:<chunk>``  string  publish, ≤ 1 MiB each         loader
``{models}:<version>:gates``           string  publish, gate                 promote
``{models}:<version>:serving:<pid>``   string  inference, TTL 30 s           sweep of old versions
``{catalogue}:epoch``                  string  first write of a restaurant   inference
``{catalogue}:position``               string  write of a restaurant         inference
``{catalogue}:log``                    stream  write, newest 1,000 pieces    inference
``{catalogue}:records``                hash    write of a restaurant         inference, training
``{bNNN}:state:<user>``                string  features consumer, TTL 90 d   inference
``{bNNN}:row:<version>:<user>``        string  publish                       inference
=====================================  ======  ============================  =====================

``{…}`` is the hash tag of a Redis cluster: keys with the same tag live in the same slot.
Each id of ``{catalogue}:records`` holds what is now true of a restaurant (`maitred.catalogue`), empty
where it was taken away. A diner's model-derived row is keyed by version: a worker reads the version that it has mapped.
"""

from maitred.ids import bucket

__all__ = [
    "CATALOGUE_EPOCH",
    "CATALOGUE_LOG",
    "CATALOGUE_LOG_PIECES",
    "CATALOGUE_POSITION",
    "CATALOGUE_RECORDS",
    "CHUNK_BYTES",
    "CURRENT",
    "SERVING_TTL_S",
    "STATE_TTL_S",
    "VERSIONS",
    "chunk",
    "gates",
    "manifest",
    "row",
    "serving",
    "state",
]

CURRENT = "{models}:current"
VERSIONS = "{models}:versions"

CATALOGUE_EPOCH = "{catalogue}:epoch"
CATALOGUE_POSITION = "{catalogue}:position"
CATALOGUE_LOG = "{catalogue}:log"
CATALOGUE_RECORDS = "{catalogue}:records"

CATALOGUE_LOG_PIECES = 1000
"""Length of the log: a worker that is farther behind reads all records instead."""

CHUNK_BYTES = 1024 * 1024
"""Largest value stored: one of 256 MB would stall every other client for over a second."""

SERVING_TTL_S = 30
STATE_TTL_S = 90 * 24 * 3600


def manifest(version: str) -> str:
    """Key of a model's manifest, the JSON bytes whose sha256 its version is."""
    return f"{{models}}:{version}:manifest"


def chunk(version: str, file: str, number: int) -> str:
    """Key of one chunk of one file of a model."""
    return f"{{models}}:{version}:{file}:{number}"


def gates(version: str) -> str:
    """Key of the newest verdict about a model."""
    return f"{{models}}:{version}:gates"


def serving(version: str, worker: str) -> str:
    """Key by which a worker says that it has a model mapped."""
    return f"{{models}}:{version}:serving:{worker}"


def state(user_id: str) -> str:
    """Key of a diner's live state (`maitred.features`)."""
    return f"{{b{bucket(user_id):03}}}:state:{user_id}"


def row(version: str, user_id: str) -> str:
    """Key of what a model knows of a diner (`maitred.artifact.diners`)."""
    return f"{{b{bucket(user_id):03}}}:row:{version}:{user_id}"
