"""Publishing, promoting and rolling back, on a real Valkey server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maitred.artifact import Check, Verdict, load, read_manifest
from maitred.artifact.folder import read_diners
from maitred.errors import CorruptArtifact, GateRefused, NotFound, Refused, StoreUnavailable
from maitred.events import Erase
from maitred.features import News
from maitred.ids import tombstone
from maitred.store import keys, models
from maitred.store.client import Redis, connect
from maitred.store.erasures import Erasures
from maitred.store.writer import StateWriter
from tests.support.models import PASSED, tiny_run
from tests.support.servers import LiveValkey


@pytest.fixture
def redis(valkey: LiveValkey) -> Iterator[Redis]:
    with connect(valkey.url, timeout_s=0.5) as client:
        yield client


def published(
    redis: Redis, folder: Path, *, seed: int, objective: str = "clicks", verdict: Verdict = PASSED
) -> str:
    return models.publish(redis, tiny_run(folder / str(seed), objective, seed) / "model", verdict)


def against(champion: str) -> Verdict:
    return Verdict(passed=True, champion=champion, checks=[])


def test_what_is_published_can_be_downloaded_and_loaded(redis: Redis, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    target = tmp_path / "copy"
    target.mkdir()

    version = models.publish(redis, run / "model", PASSED)
    models.download(redis, version, target)

    assert models.versions(redis) == [version]
    assert load(target).version == version
    assert models.verdict(redis, version) == PASSED


def test_every_diner_of_a_published_model_has_a_row_of_that_version(
    redis: Redis, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path / "run")

    version = models.publish(redis, run / "model", PASSED)

    stored = {u: redis.get(keys.row(version, u)) for u, _ in read_diners(run / "model")}
    assert stored == {u: row.encode() for u, row in read_diners(run / "model")}
    assert len(stored) == 6


def test_a_flipped_byte_is_refused_and_nothing_becomes_visible(
    redis: Redis, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path / "run")
    file = run / "model" / "vectors.npy"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(bytes(raw))

    with pytest.raises(CorruptArtifact, match=r"vectors\.npy"):
        models.publish(redis, run / "model", PASSED)

    assert models.versions(redis) == []


def test_a_lost_chunk_is_found_when_the_model_is_downloaded(redis: Redis, tmp_path: Path) -> None:
    version = published(redis, tmp_path, seed=1)
    redis.delete(keys.chunk(version, "vectors.npy", 0))
    target = tmp_path / "copy"
    target.mkdir()

    with pytest.raises(CorruptArtifact, match=r"chunk 0 of vectors\.npy"):
        models.download(redis, version, target)


def test_promotion_serves_a_version_and_leaves_the_other_objective_alone(
    redis: Redis, tmp_path: Path
) -> None:
    clicks = published(redis, tmp_path, seed=1)
    revenue = published(redis, tmp_path, seed=2, objective="revenue")

    models.promote(redis, clicks)
    models.promote(redis, revenue)

    now = models.current(redis)
    assert (now.clicks, now.revenue) == (clicks, revenue)


def test_promoting_what_is_served_already_changes_nothing(redis: Redis, tmp_path: Path) -> None:
    version = published(redis, tmp_path, seed=1)
    first = models.promote(redis, version)

    second = models.promote(redis, version)

    assert second == first
    assert second.previous_clicks is None


def test_a_verdict_about_another_champion_is_refused_with_the_way_out(
    redis: Redis, tmp_path: Path
) -> None:
    models.promote(redis, published(redis, tmp_path, seed=1))
    challenger = published(redis, tmp_path, seed=2)

    with pytest.raises(GateRefused, match="judged against no champion") as refusal:
        models.promote(redis, challenger)

    assert refusal.value.next_step == f"run `maitred models gate {challenger}`"


def test_a_failed_verdict_is_refused_with_its_reasons(redis: Redis, tmp_path: Path) -> None:
    check = Check(name="beats", value=0.0, limit=0.0, passed=False, reason="worse than popularity")
    failed = Verdict(passed=False, champion=None, checks=[check])
    version = published(redis, tmp_path, seed=1, verdict=failed)

    with pytest.raises(GateRefused, match="worse than popularity"):
        models.promote(redis, version)

    assert models.current(redis).clicks is None


def test_a_missing_verdict_is_refused(redis: Redis, tmp_path: Path) -> None:
    version = published(redis, tmp_path, seed=1)
    redis.delete(keys.gates(version))

    with pytest.raises(GateRefused, match="no gates have judged"):
        models.promote(redis, version)


def test_an_unknown_version_is_not_found(redis: Redis) -> None:
    with pytest.raises(NotFound):
        models.promote(redis, "clicks-000000000000")


def test_rollback_takes_what_changed_last_and_a_second_one_returns(
    redis: Redis, tmp_path: Path
) -> None:
    old = published(redis, tmp_path, seed=1)
    new = published(redis, tmp_path, seed=2, verdict=against(old))
    models.promote(redis, old)
    models.promote(redis, new)

    back = models.rollback(redis)
    again = models.rollback(redis, "clicks")

    assert (back.clicks, back.previous_clicks) == (old, new)
    assert again.clicks == new


def test_there_is_nothing_to_roll_back_to_after_one_promotion(redis: Redis, tmp_path: Path) -> None:
    models.promote(redis, published(redis, tmp_path, seed=1))

    with pytest.raises(Refused, match="no earlier clicks model"):
        models.rollback(redis)


def test_publishing_again_replaces_the_verdict_only(redis: Redis, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    first = models.publish(redis, run / "model", PASSED)

    second = models.publish(redis, run / "model", against("clicks-0123456789ab"))

    assert (first, models.versions(redis)) == (second, [second])
    assert models.verdict(redis, second) == against("clicks-0123456789ab")
    assert models.manifest(redis, second) == read_manifest(run / "model")[1]


def test_a_stopped_redis_is_named_instead_of_waited_for(valkey: LiveValkey, redis: Redis) -> None:
    valkey.stop()

    with pytest.raises(StoreUnavailable):
        models.versions(redis)


KEY = "of erasures"


def last_visits(run: Path) -> dict[str, float]:
    """When each diner of the model was last anywhere, but the one who was never."""
    return {user: float(row.at.max()) for user, row in read_diners(run / "model") if row.at.size}


def test_rows_of_erased_diners_are_not_published(redis: Redis, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    gone, *others = sorted(last_visits(run))
    Erasures(redis, KEY).remember({tombstone(gone, KEY): last_visits(run)[gone] + 1})

    version = models.publish(redis, run / "model", PASSED, erasure_key=KEY)

    assert redis.exists(keys.row(version, gone)) == 0
    assert all(redis.exists(keys.row(version, user)) for user in others)


def test_a_diner_who_came_back_has_a_row_of_what_happened_since(
    redis: Redis, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path / "run")
    user, row = next((user, row) for user, row in read_diners(run / "model") if row.at.size)
    Erasures(redis, KEY).remember({tombstone(user, KEY): float(row.at.min()) - 1})

    version = models.publish(redis, run / "model", PASSED, erasure_key=KEY)

    assert redis.get(keys.row(version, user)) == row.encode()


def test_who_is_erased_while_a_model_is_published_has_no_row_either(
    redis: Redis, tmp_path: Path, valkey: LiveValkey
) -> None:
    run = tiny_run(tmp_path / "run")
    gone = min(last_visits(run))

    class Erasing(Redis):
        """Erases the diner just before the version becomes visible: the rows are written then."""

        def pipeline(self, transaction: bool = True, **kwargs: Any) -> Any:  # noqa: ANN401, FBT001, FBT002
            if transaction:
                Erasures(redis, KEY).remember({tombstone(gone, KEY): last_visits(run)[gone] + 1})
            return super().pipeline(transaction, **kwargs)

    with Erasing.from_url(valkey.url) as slow:
        version = models.publish(slow, run / "model", PASSED, erasure_key=KEY)

    assert redis.exists(keys.row(version, gone)) == 0


def test_an_erasure_takes_the_rows_of_every_published_model(redis: Redis, tmp_path: Path) -> None:
    first = published(redis, tmp_path, seed=1)
    second = published(redis, tmp_path, seed=2)
    gone, other, *_ = sorted(last_visits(tmp_path / "1"))
    writer = StateWriter(redis, "t", KEY)
    writer.resume()
    news = News()
    news.take(Erase(event_id="x", user_id=gone, occurred_at=datetime(2026, 5, 1, tzinfo=UTC)))

    writer.write({gone: news}, {0: 1})

    assert [redis.exists(keys.row(v, gone)) for v in (first, second)] == [0, 0]
    assert [redis.exists(keys.row(v, other)) for v in (first, second)] == [1, 1]


def test_without_the_key_nothing_is_published_where_diners_were_erased(
    redis: Redis, tmp_path: Path
) -> None:
    Erasures(redis, KEY).remember({tombstone("u1", KEY): 1.0})

    with pytest.raises(Refused, match="erased diners") as raised:
        published(redis, tmp_path, seed=1)
    assert "MAITRED_ERASURE_KEY" in (raised.value.next_step or "")
    assert models.versions(redis) == []
