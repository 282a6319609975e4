"""The archive of events: Parquet files for anybody, and a ledger that says which of them count.

Programs import from here what they read; the archiver alone imports ``maitred.archive.writer``.
Only this package touches pyarrow outside training, and nothing that answers diners imports it.
Counting needs the ledger only, so pyarrow is loaded when a table is first read.
"""

from maitred.archive.reader import (
    LIVE,
    Census,
    census,
    count,
    erased,
    erased_among,
    erasures,
    files,
    offsets,
    require_key,
    table,
    where_are,
)
from maitred.archive.tombs import Erasure

__all__ = [
    "LIVE",
    "Census",
    "Erasure",
    "census",
    "count",
    "erased",
    "erased_among",
    "erasures",
    "files",
    "offsets",
    "require_key",
    "table",
    "where_are",
]
