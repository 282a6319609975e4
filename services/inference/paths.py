"""Where batches and lookups are asked for, and what they take: one place for routes and OpenAPI.

The header that all lists carry has its name here too.
"""

__all__ = ["BATCH", "CATALOGUE_VERSION", "DIAL", "FILTERS", "MAX_DINERS", "POPULAR", "SIMILAR"]

BATCH = "/v1/recommendations/batch"
SIMILAR = "/v1/similar/{restaurant_id}"
POPULAR = "/v1/popular"

CATALOGUE_VERSION = "Catalogue-Version"
"""Response header that says until which change of restaurants a reply is true; empty before the
first model."""

MAX_DINERS = 512
"""Most diners of a batch."""
FILTERS = (
    "k", "lat", "lon", "radius_km", "delivers", "cuisine", "attribute", "price_max", "open_at",
    "exclude", "explain",
)  # fmt: skip
"""What similar and popular take of the parameters of recommendations."""
DIAL = ("objective", "revenue_weight")
"""What popular takes besides."""
