"""The archive of events: Parquet files for anybody, and a ledger that says which of them count.

Programs import from here what they read; the archiver alone imports ``maitred.archive.writer``.
Only this package touches pyarrow outside training, and nothing that answers diners imports it.
"""

from maitred.archive.reader import Census, census, count, files, table, where_are
from maitred.archive.rows import SCHEMA

__all__ = ["SCHEMA", "Census", "census", "count", "files", "table", "where_are"]
