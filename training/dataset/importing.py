"""From a mapping and a folder of files to a data set: the one path for every reader."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from training.dataset.folder import Dataset, build
from training.dataset.mapping import ImportMapping
from training.dataset.quarantine import Accounts
from training.dataset.sources import entree, table

__all__ = ["Import", "import_files"]


@dataclass(frozen=True, slots=True)
class Import:
    """A data set and what became of every row that was read for it."""

    dataset: Dataset
    accounts: Accounts


def import_files(
    mapping: ImportMapping,
    folder: Path,
    *,
    latest: datetime,
    advance: Callable[[str], None] = lambda _: None,
) -> Import:
    """Read files by a mapping; events after ``latest`` are in the future and quarantined.

    Raises:
        MappingError: if the mapping names a file or column that does not exist.
        InvalidDataset: if a file is empty, or nothing was fit to keep.
    """
    if mapping.source.reader == "entree":
        found = entree.read(folder, advance=advance)
    else:
        found = table.read(mapping, folder, latest=latest, advance=advance)
    dataset = build(
        found.events,
        found.restaurants,
        found.users,
        source=mapping.source.name or found.source,
        licence=mapping.source.licence or found.licence,
        assumption=found.assumption,
    )
    return Import(dataset, found.accounts)
