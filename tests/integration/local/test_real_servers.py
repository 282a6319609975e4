"""The servers that every other test stands on, through the fixtures and with real clients."""

import time

import redis
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from tests.support.servers import LiveKafka, LiveValkey


def _send(kafka: LiveKafka, topic: str, payload: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, api_version=(4, 0))
    producer.send(topic, payload).get(timeout=20)
    producer.close(timeout=5)


def _read(kafka: LiveKafka, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", group_id=None
    )
    got: list[bytes] = []
    deadline = time.monotonic() + 20
    while len(got) < count and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=200).values():
            got += [record.value for record in records]
    consumer.close()
    return got


def _create(kafka: LiveKafka, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()


def test_valkey_keeps_what_it_was_told_through_kill_9(own_valkey: LiveValkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("diner", "kept")
        client.execute_command("WAITAOF", 1, 0, 5000)  # written to the file

    own_valkey.kill()
    own_valkey.restart()

    with redis.Redis.from_url(own_valkey.url) as client:
        assert client.get("diner") == b"kept"


def test_a_frozen_valkey_answers_nothing_until_it_goes_on(own_valkey: LiveValkey) -> None:
    own_valkey.stop()
    frozen = own_valkey.server.launch.ready()
    own_valkey.cont()

    assert frozen is not None
    assert own_valkey.server.launch.ready() is None


def test_each_test_finds_valkey_empty(valkey: LiveValkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("leftover", 1)

        valkey.flush()

        assert client.dbsize() == 0


def test_kafka_keeps_an_acknowledged_record_through_kill_9(own_kafka: LiveKafka) -> None:
    _create(own_kafka, "kept")
    _send(own_kafka, "kept", b"before")

    own_kafka.kill()
    own_kafka.restart()
    _send(own_kafka, "kept", b"after")

    assert _read(own_kafka, "kept", 2) == [b"before", b"after"]


def test_kafka_refuses_topics_that_nobody_declared(kafka: LiveKafka) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)

    _create(kafka, "servers.declared")
    topics = set(admin.list_topics())
    admin.close()

    assert "servers.declared" in topics
    assert "servers.undeclared" not in topics
