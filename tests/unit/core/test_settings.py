"""Settings come from the environment, and from nowhere else."""

import os

import pytest

from maitred.errors import UsageError
from maitred.settings import child_environment, load


def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAITRED_BUDGET_MS", "55")

    assert load().budget_ms == 55


def test_a_value_out_of_its_domain_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAITRED_WORKERS", "0")

    with pytest.raises(UsageError, match="MAITRED_WORKERS"):
        load()


def test_the_admin_key_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAITRED_ADMIN_KEY", "open sesame")

    assert "sesame" not in repr(load())


def test_a_child_gets_its_settings_and_one_thread_for_numerics() -> None:
    environment = child_environment(ingest_port=0, redis_url=None)

    assert environment["MAITRED_INGEST_PORT"] == "0"
    assert "MAITRED_REDIS_URL" not in environment
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["PATH"] == os.environ["PATH"]  # noqa: TID251  # what is compared
