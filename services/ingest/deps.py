"""Composition root of ingest: settings in, what its routes work with out."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from maitred.clock import Clock
from maitred.observability import Metrics
from maitred.pseudonyms import Pseudonyms
from maitred.settings import Settings
from services.eventlog.publisher import Publisher, open_publisher
from services.ingest.intake import Intake, Rules
from services.ingest.window import Window
from services.web.auth import AdminKey, admin_key

__all__ = ["Dependencies", "assemble"]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the routes work with."""

    settings: Settings
    clock: Clock
    intake: Intake
    publisher: Publisher
    admin: AdminKey


@contextmanager
def assemble(
    settings: Settings, clock: Clock, metrics: Metrics, *, publisher: Publisher | None = None
) -> Iterator[Dependencies]:
    """Yield the service; Kafka does not have to be there.

    ``publisher`` takes the events, already started; unless given, one to Kafka is opened.
    """
    with ExitStack() as stack:
        if publisher is None:
            opened = open_publisher(settings, "ingest", clock=clock, metrics=metrics)
            publisher = stack.enter_context(opened)
        rules = Rules(settings.future_tolerance_s, settings.dedup_days, Pseudonyms.of(settings))
        intake = Intake(publisher, Window(), rules, clock=clock, metrics=metrics)
        yield Dependencies(settings, clock, intake, publisher, AdminKey(admin_key(settings)))
