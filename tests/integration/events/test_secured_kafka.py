"""A Kafka that asks who we are: every client of ours says so, and a refusal is called one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from maitred.clock import SystemClock
from maitred.errors import LogUnavailable, UsageError
from maitred.settings import Settings, child_environment
from services.consumers.audit import letters
from services.consumers.dead import DeadLetters
from services.consumers.deps import dead_reader, purge_of
from services.consumers.revival import write_all
from services.eventlog.kafka import KafkaLogReader, KafkaLogWriter, ensure_topics
from services.eventlog.port import Entry
from services.eventlog.topics import bootstrap_of, topics_of
from tests.support.loop import loop_settings
from tests.support.secured import PASSWORD, USER, SecuredKafka, start_secured
from tests.support.waiting import eventually

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    live = start_secured(tmp_path_factory.mktemp("secured") / "kafka")
    yield live
    live.server.kill()


def settings_of(state: Path, secured: SecuredKafka, listener: str, **fields: object) -> Settings:
    common: dict[str, object] = {
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_username": USER,
        "kafka_sasl_password": SecretStr(PASSWORD),
    }
    per_listener: dict[str, dict[str, object]] = {
        "scram": {},
        "plain": {"kafka_sasl_mechanism": "PLAIN"},
        "tls": {"kafka_security_protocol": "SASL_SSL", "kafka_ssl_ca_file": secured.ca_file},
    }
    given = common | per_listener[listener] | fields
    return loop_settings(state, str(getattr(secured, listener)), **given)


@pytest.mark.parametrize("listener", ["scram", "plain", "tls"])
def test_writer_reader_and_what_asks_about_topics_are_let_in(
    tmp_path: Path, secured: SecuredKafka, listener: str
) -> None:
    settings = settings_of(tmp_path, secured, listener)
    topics, bootstrap = topics_of(settings), bootstrap_of(settings)
    ensure_topics(bootstrap, topics)
    log = KafkaLogWriter(bootstrap, topics, clock=CLOCK)
    write_all(log, topics.events.name, [Entry("u1", b"no event")], clock=CLOCK)
    reader = KafkaLogReader(bootstrap, topics, topics.events.name, "t", clock=CLOCK)
    found = []
    eventually(lambda: bool(found.extend(reader.poll(0.2)) or found))
    write_all(log, topics.dead.name, [Entry("u9", b"a letter")], clock=CLOCK)
    DeadLetters(log, topics.dead.name, "archive").bury([(found[0], "no event")])

    assert purge_of(settings, log, CLOCK)(["u1"]) == 1

    assert [letter.value for letter in letters(settings, CLOCK)] == [b"a letter"]
    reader.close()
    log.close(1.0)


@pytest.mark.parametrize(
    ("listener", "fields"),
    [
        ("scram", {"kafka_sasl_password": SecretStr("guessed")}),
        ("plain", {"kafka_sasl_password": SecretStr("guessed")}),
        ("scram", {"kafka_sasl_mechanism": "PLAIN"}),
    ],
)
def test_a_refusal_is_called_one_and_says_what_to_check(
    tmp_path: Path, secured: SecuredKafka, listener: str, fields: dict[str, object]
) -> None:
    settings = settings_of(tmp_path, secured, listener, **fields)

    with pytest.raises(LogUnavailable, match=f"refuses authentication of {USER}") as caught:
        ensure_topics(bootstrap_of(settings), topics_of(settings))

    assert "MAITRED_KAFKA_SASL_USERNAME" in str(caught.value.next_step)
    assert PASSWORD not in f"{caught.value} {caught.value.next_step}"


def test_a_reader_that_is_refused_reads_nothing_and_says_why(
    tmp_path: Path, secured: SecuredKafka, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(tmp_path, secured, "scram", kafka_sasl_password=SecretStr("guessed"))
    reader = dead_reader(settings, CLOCK)

    assert list(reader.poll(0.1)) == []

    with pytest.raises(LogUnavailable, match="refuses authentication"):
        reader.end_offsets()
    assert sum("refuses authentication" in message for message in caplog.messages) == 1


def test_the_command_line_names_the_refusal(tmp_path: Path, secured: SecuredKafka) -> None:
    environment = child_environment(
        state_dir=tmp_path,
        kafka_bootstrap=secured.scram,
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_username=USER,
        kafka_sasl_password="guessed",  # noqa: S106 - that is the point
    )

    ran = subprocess.run(
        [sys.executable, "-m", "maitred", "events", "dead", "list"],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert ran.returncode == 1
    assert f"refuses authentication of {USER}" in ran.stderr
    assert "MAITRED_KAFKA_SASL_USERNAME" in ran.stderr


def test_speaking_without_tls_to_a_listener_with_it_says_which_setting_to_look_at(
    tmp_path: Path, secured: SecuredKafka
) -> None:
    settings = settings_of(
        tmp_path, secured, "tls", kafka_security_protocol="PLAINTEXT", kafka_ssl_ca_file=None
    )

    with pytest.raises(LogUnavailable, match="PLAINTEXT") as caught:
        ensure_topics(bootstrap_of(settings), topics_of(settings))

    assert "MAITRED_KAFKA_SECURITY_PROTOCOL" in str(caught.value.next_step)


def test_settings_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    settings = Settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="us",
        kafka_ssl_ca_file=tmp_path / "none.pem",
    )

    with pytest.raises(UsageError) as caught:
        bootstrap_of(settings)

    names = [name for name, _ in caught.value.fields]
    assert names == ["MAITRED_KAFKA_SASL_PASSWORD", "MAITRED_KAFKA_SSL_CA_FILE"]
