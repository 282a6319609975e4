"""What was shown reaches the log of events."""

from pathlib import Path

from maitred import events
from maitred.clock import SystemClock
from maitred.settings import Settings
from services.eventlog.kafka import KafkaLogReader
from services.eventlog.topics import topics_of
from tests.support.inference import publish, serving
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.waiting import until

TOPIC = "inference.impressions"


async def test_impressions_arrive_keyed_by_diner(
    valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)
    settings = Settings(kafka_bootstrap=kafka.bootstrap, events_topic=TOPIC)
    topics = topics_of(settings)
    async with serving(
        tmp_path / "state",
        valkey.url,
        to_kafka=True,
        kafka_bootstrap=kafka.bootstrap,
        events_topic=TOPIC,
    ) as inference:
        for i in range(5):
            await inference.recommend(user_id=f"u{i}", request_id=f"shown-{i}", traffic="simulated")
        logged = {"name": "maitred_impressions_total", "outcome": "logged"}
        await until(lambda: inference.metric(**logged) == 5, within_s=20)

    reader = KafkaLogReader([kafka.bootstrap], topics, TOPIC, "test", clock=SystemClock())
    records: list[tuple[str, events.Event]] = []
    while len(records) < 5:
        records += [(r.key, events.decode(r.value)) for r in reader.poll(5.0)]
    reader.close()

    assert {key for key, _ in records} == {f"u{i}" for i in range(5)}
    assert all(isinstance(e, events.Impression) and e.user_id == key for key, e in records)
    assert {event.request_id for _, event in records} == {f"shown-{i}" for i in range(5)}
