"""``/metrics`` in the Prometheus text format."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response

from maitred.observability import Metrics
from maitred.settings import metrics_folder

__all__ = ["exposition"]


def exposition(metrics: Metrics) -> Response:
    """Return this process's metrics, or those of all workers that share a metrics folder."""
    registry = metrics.registry
    folder = metrics_folder()
    if folder is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
