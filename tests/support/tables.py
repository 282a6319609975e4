"""A stranger's tables and the mapping that fits them, imported through the command line."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from tests.support.datasets import Ran, run_data

__all__ = ["GOOD", "HEADER", "MAPPING", "RESTAURANTS", "import_tables", "quarantined"]

MAPPING = """
schema = 1
[source]
currency = "EUR"
timezone = "Europe/Paris"
[events]
file = "orders*.csv"
type = {column = "status", map = {done = "order", looked = "click"}, drop = ["cancelled"]}
user_id = "customer"
restaurant_id = "vendor"
occurred_at = {column = "created", format = "%d/%m/%Y %H:%M"}
value = {column = "total", unit = "major"}
"""

RESTAURANTS = """
[restaurants]
file = "places.csv"
id = "id"
name = "name"
lat = "lat"
lon = "lon"
price = {column = "price", map = {low = 1, high = 4}}
cuisines = {column = "tags", split = "|"}
hours = "hours"
features = ["price", {column = "tags", split = "|"}]
text = ["name", "tags"]
"""

HEADER = "customer,vendor,created,total,status\n"
GOOD = "u1,r1,01/05/2026 19:00,12.50,done\n"


def import_tables(folder: Path, files: Mapping[str, str | bytes], mapping: str = MAPPING) -> Ran:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    for name, content in files.items():
        (source / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "m.toml").write_text(mapping, encoding="utf-8")
    out = folder / "out"
    where = ("--mapping", folder / "m.toml", "--source", source, "--out", out)
    return run_data("import", *where, "--json")


def quarantined(folder: Path, file: str) -> list[tuple[int, str]]:
    rows = pq.read_table(folder / "out" / "quarantine" / f"{file}.parquet").to_pylist()
    return [(row["line"], row["reason"]) for row in rows]
