"""What an administrator does to topics behind our back."""

import kafka.admin

from maitred.settings import Settings
from services.eventlog.topics import bootstrap_of, topics_of


def delete_topic(settings: Settings) -> None:
    """Delete the topic of events, and wait until it is gone."""
    admin = kafka.admin.KafkaAdminClient(bootstrap_servers=list(bootstrap_of(settings)))
    try:
        admin.delete_topics([topics_of(settings).events.name], timeout_ms=5_000)
    finally:
        admin.close()
