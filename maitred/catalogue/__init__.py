"""Restaurants and the hard rules about them: hours, places, prices, cuisines. No I/O here.

Two shapes of one thing: :class:`Restaurant` is a record for people and borders,
:class:`Catalogue` the same records as columns, so that a filter is one array operation however
many restaurants there are.
"""

from maitred.catalogue.catalogue import SCAN_ROWS, Allowed, Bools, Catalogue, Indices, Ints
from maitred.catalogue.columns import ARRAYS, Columns
from maitred.catalogue.hours import (
    MINUTES_PER_WEEK,
    Opening,
    format_hours,
    minute_of_week,
    parse_hours,
)
from maitred.catalogue.live import LiveCatalogue
from maitred.catalogue.overlay import NOTHING, SLICE, Overlay, Rest, no_rest
from maitred.catalogue.record import decode_record, encode_record, record_of
from maitred.catalogue.restaurant import Filters, Restaurant

__all__ = [
    "ARRAYS",
    "MINUTES_PER_WEEK",
    "NOTHING",
    "SCAN_ROWS",
    "SLICE",
    "Allowed",
    "Bools",
    "Catalogue",
    "Columns",
    "Filters",
    "Indices",
    "Ints",
    "LiveCatalogue",
    "Opening",
    "Overlay",
    "Rest",
    "Restaurant",
    "decode_record",
    "encode_record",
    "format_hours",
    "minute_of_week",
    "no_rest",
    "parse_hours",
    "record_of",
]
