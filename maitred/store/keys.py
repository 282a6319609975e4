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
``{features}:space``                   string  replay                        inference, features
``{features}:newest``                  string  replay                        replay
``{features}:spaces``                  set     replay                        replay
``{bNNN}:state:<space>:<user>``        string  features, replay, TTL 90 d    inference
``{bNNN}:mark:<space>``                string  features, replay              features
``{eNN}:erased``                       hash    features, replay              features, publish
``{bNNN}:row:<version>:<user>``        string  publish                       inference
=====================================  ======  ============================  =====================

``{…}`` is the hash tag of a Redis cluster: keys with the same tag live in the same slot.
Each id of ``{catalogue}:records`` holds what is now true of a restaurant (`maitred.catalogue`), empty
where it was taken away. A diner's model-derived row is keyed by version: a worker reads the version that it has mapped.

Diner states live in a numbered **space**; ``{features}:space`` names the one that is served (absent: 0),
and a replay fills another and moves the pointer. A **mark** says which offsets of the log a
bucket's states have taken in, and who wrote it. ``erased`` holds tombstones of erased diners
(`maitred.ids.tombstone`) and when they asked, in seconds: it belongs to no space, so that replays see
it, and lies by the first digits of the tombstone, because nobody can tell whose it is.
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
    "FIRST_SPACE",
    "NEWEST_SPACE",
    "SERVING_TTL_S",
    "SPACE",
    "SPACES",
    "STATE_TTL_S",
    "VERSIONS",
    "chunk",
    "erased",
    "gates",
    "manifest",
    "mark",
    "row",
    "serving",
    "state",
    "states",
]

CURRENT = "{models}:current"
VERSIONS = "{models}:versions"

SPACE = "{features}:space"
NEWEST_SPACE = "{features}:newest"
"""Number of the newest space, so that none is used twice."""
SPACES = "{features}:spaces"
"""Spaces that replays opened and that may still hold keys."""
FIRST_SPACE = 0
"""The space that is served until a replay has made another."""

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


def state(user_id: str, space: int = FIRST_SPACE) -> str:
    """Key of a diner's live state in a space (`maitred.features`)."""
    return f"{{b{bucket(user_id):03}}}:state:{space}:{user_id}"


def states(space: int) -> str:
    """Pattern of every state's key in a space, for SCAN."""
    return f"{{b*}}:state:{space}:*"


def mark(number: int, space: int) -> str:
    """Key of what the states of one bucket have taken in, in a space."""
    return f"{{b{number:03}}}:mark:{space}"


def erased(shelf: str) -> str:
    """Key of the tombstones that begin with these two digits."""
    return f"{{e{shelf}}}:erased"


def row(version: str, user_id: str) -> str:
    """Key of what a model knows of a diner (`maitred.artifact.diners`)."""
    return f"{{b{bucket(user_id):03}}}:row:{version}:{user_id}"
