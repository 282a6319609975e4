"""What is asked of Kafka about topics, beside reading and writing records; and why it does not answer.

Client errors end here and in :mod:`services.eventlog.kafka`, the only other module that knows the client.
"""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from typing_extensions import override

from maitred.errors import LogUnavailable
from services.eventlog.topics import Brokers, Topics
from services.eventlog.tuning import SOCKETS, admin_settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # importlib.resources, inside the client
    import kafka
    import kafka.admin
    import kafka.errors
    from kafka.net.compat import KafkaNetClient
    from kafka.net.inet import KafkaNetSocket

__all__ = [
    "CALL_MS",
    "TidySocket",
    "TopicKeeper",
    "Translated",
    "ensure_topics",
    "forget_before",
    "translated",
]

_LOG = logging.getLogger(__name__)
CALL_MS: Final = 2_000
"""Longest wait for one answer of Kafka, milliseconds."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 2.0
_GONE: Final = (
    "topic %s was deleted while we ran and is made anew, empty; what was in it and not yet read is "
    "lost: docs/runbook.md, a topic was deleted"
)


class Translated(contextlib.AbstractContextManager["Translated"]):
    """Turns the client's errors into ours; a class, for every record passes it."""

    @override
    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, (kafka.errors.KafkaError, OSError, TimeoutError)):
            msg = f"Kafka did not answer: {error or type(error).__name__}"
            raise LogUnavailable(msg, next_step="is it running? maitred status") from error


translated: Final = Translated()


class TidySocket(KafkaNetSocket):  # type: ignore[misc]  # the client has no types
    """Sockets that are closed where no connection came of them.

    The client leaves them to the garbage collector: several a second, for as long as Kafka is away.
    """

    SCHEMES = (SOCKETS,)

    @override
    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: Any = None) -> Any:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except (kafka.errors.KafkaError, OSError):
            sock.close()
            raise


def ensure_topics(bootstrap: Sequence[str], topics: Topics) -> tuple[str, ...]:
    """Create the topics that do not exist, and return their names; the others stay as they are.

    One that has fewer partitions than it would be made with is used all the same, and named in the
    log: adding partitions moves diners to other ones, which only a person should decide.
    Blocks for seconds.

    Raises:
        LogUnavailable: Kafka did not answer, or refuses to let us in.
    """
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": -1,
            "configs": {
                "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
                **topic.configuration,
            },
        }
        for topic in (topics.events, topics.dead)
    }
    with _admin(bootstrap) as admin, translated:
        known = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
        missing = {name: shape for name, shape in wanted.items() if name not in known}
        if missing:
            with contextlib.suppress(kafka.errors.TopicAlreadyExistsError):
                admin.create_topics(missing, timeout_ms=CALL_MS, wait_for_metadata=True)
    _warn_of_few_partitions(topics, known)
    return tuple(missing)


class TopicKeeper:
    """Sees to it, on a thread of its own, that topics exist; looks again whenever it is told to."""

    def __init__(self, bootstrap: Sequence[str], topics: Topics) -> None:
        self._bootstrap = bootstrap
        self._topics = topics
        self._is_closed = threading.Event()
        self._is_in_doubt = threading.Event()
        self._is_in_doubt.set()
        threading.Thread(target=self._keep, name="topics", daemon=True).start()

    def look(self) -> None:
        """Look soon, and until Kafka has answered. Never blocks."""
        self._is_in_doubt.set()

    def close(self) -> None:
        """End soon."""
        self._is_closed.set()
        self._is_in_doubt.set()

    def _keep(self) -> None:
        """Say once a reason what is wrong, and what a person should know of topics made anew."""
        said, is_first, pause_s = "", True, _PAUSE_S
        while self._is_in_doubt.wait() and not self._is_closed.is_set():
            self._is_in_doubt.clear()
            try:
                created = ensure_topics(self._bootstrap, self._topics)
            except LogUnavailable as error:
                if str(error) != said:
                    _LOG.warning("%s; %s", error, error.next_step)
                said, pause_s = str(error), min(2 * pause_s, _LONGEST_PAUSE_S)
                self._is_in_doubt.set()
            else:
                if created and not is_first:
                    _LOG.error(_GONE, ", ".join(created))
                said, is_first, pause_s = "", False, _PAUSE_S
            self._is_closed.wait(pause_s)


def forget_before(bootstrap: Sequence[str], topic: str, offsets: Mapping[int, int]) -> None:
    """Let Kafka forget what stands before these offsets of a topic, by partition, for good.

    Readers start there at once; the bytes leave the disk with their segment. Blocks for seconds.

    Raises:
        LogUnavailable: Kafka did not answer; some partitions may have forgotten.
    """
    marks = {kafka.TopicPartition(topic, number): offset for number, offset in offsets.items()}
    with _admin(bootstrap) as admin, translated:
        admin.delete_records(marks, timeout_ms=CALL_MS)


@contextlib.contextmanager
def _admin(bootstrap: Sequence[str]) -> Iterator[Any]:
    """Yield a connected client; no thread of it is left behind, whatever happens."""
    admin = _connected(bootstrap)
    try:
        yield admin
    finally:
        admin.close()


def _connected(bootstrap: Sequence[str]) -> Any:  # noqa: ANN401 - the client has no types
    made: list[Any] = []

    def make(**settings: object) -> Any:  # noqa: ANN401 - the client has no types
        made.append(KafkaNetClient(**settings))
        return made[-1]

    try:
        return kafka.admin.KafkaAdminClient(kafka_client=make, **admin_settings(bootstrap, CALL_MS))
    except (kafka.errors.KafkaError, OSError) as error:
        reason = _why_not(bootstrap, made, error)
        for client in made:
            _end(client)
        raise reason from error


def _why_not(bootstrap: Sequence[str], clients: Sequence[Any], error: Exception) -> LogUnavailable:
    """Say why there is no connection. The client calls a wrong password a time-out: ask once more."""
    for client in clients:
        refusal = _refusal(client)
        if refusal is not None:
            name = bootstrap.username if isinstance(bootstrap, Brokers) else None
            msg = f"Kafka refuses authentication of {name or 'a client without a name'}: {refusal}"
            return LogUnavailable(
                msg,
                next_step="check MAITRED_KAFKA_SASL_USERNAME, _PASSWORD and _MECHANISM against "
                "the broker's users; docs/runbook.md",
            )
    protocol = bootstrap.protocol if isinstance(bootstrap, Brokers) else "PLAINTEXT"
    msg = f"Kafka did not answer at {','.join(bootstrap)} ({protocol}): {error}"
    return LogUnavailable(
        msg,
        next_step="is it running (maitred status), and does it speak "
        f"{protocol}? MAITRED_KAFKA_SECURITY_PROTOCOL says so",
    )


def _refusal(client: Any) -> str | None:  # noqa: ANN401 - the client has no types
    """Connect once more and return what the broker has against us, if it is that.

    Brokers answer and hang up in one; the client then sees the second and drops the first. So a
    broker that told its versions and hung up when we said who we are has refused us.
    """
    manager = client._manager  # noqa: SLF001 - its own bootstrap keeps the reason to itself
    if not manager.config["security_protocol"].startswith("SASL"):
        return None
    tried: list[Any] = []

    async def ask() -> None:
        node = manager.cluster.bootstrap_brokers()[0].node_id
        manager.reset_backoff(node)
        tried.append(
            manager.get_connection(
                node, timeout_ms=CALL_MS, pop_on_close=False, refresh_metadata_on_err=False
            )
        )
        await tried[0]

    try:
        manager.run(ask)
    except (
        kafka.errors.SaslAuthenticationFailedError,
        kafka.errors.UnsupportedSaslMechanismError,
    ) as error:
        return str(error)
    except (kafka.errors.KafkaError, OSError):
        if tried and tried[0].broker_version_data is not None:
            return f"it hung up on {manager.config['sasl_mechanism']}"
    return None


def _end(client: Any) -> None:  # noqa: ANN401 - the client has no types
    with contextlib.suppress(kafka.errors.KafkaError, OSError):
        client.close()
    client._manager._net.stop(CALL_MS)  # noqa: SLF001 - the admin client ends it only after it began


def _warn_of_few_partitions(topics: Topics, known: Mapping[str, int]) -> None:
    for topic in (topics.events, topics.dead):
        there = known.get(topic.name, topic.partitions)
        if there < topic.partitions:
            _LOG.warning(
                "topic %s has %d partitions instead of %d: it is used as it is; more make consumers "
                "no faster here, and adding some breaks the order of a diner's events once",
                topic.name,
                there,
                topic.partitions,
            )
