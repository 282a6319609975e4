"""docker-compose.yml says nothing that the code does not know; no engine is needed to see that."""

import json
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import typer
import yaml

from maitred.cli import build
from maitred.settings import PREFIX, Settings
from services.local.broker import Broker
from services.local.jars import KAFKA_VERSION
from services.local.java import Java
from services.local.programs import PROGRAMS
from tests.support import compose, dockerfile
from tests.support.compose import Ours, document, ours
from tests.support.repository import ROOT

NOT_STARTED_BY_UP = {"trainer"}
SERVERS = {"kafka", "valkey"}
OWN_ADDRESSES = {  # what differs between a broker alone in its container and one beside others
    "advertised.listeners",
    "controller.quorum.voters",
    "listener.security.protocol.map",
    "listeners",
    "log.dirs",
}


def faults(compose_file: object) -> list[str]:
    file = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(file.read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(compose_file)]


@pytest.fixture(params=sorted(ours()))
def service(request: pytest.FixtureRequest) -> Ours:
    return ours()[request.param]


def test_the_file_follows_the_compose_specification() -> None:
    # JSON first: what YAML alone can say (dates, say) is no value of the specification.
    assert faults(json.loads(json.dumps(document()))) == []


def test_the_specification_would_refuse_a_misspelt_key() -> None:
    misspelt = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    misspelt["services"]["inference"]["heathcheck"] = {}

    assert faults(misspelt) != []


def test_it_runs_the_programs_of_the_embedded_stack_and_no_others() -> None:
    assert set(document()["services"]) - SERVERS - NOT_STARTED_BY_UP == {
        program.name for program in PROGRAMS
    }
    assert set(ours()) == set(document()["services"]) - SERVERS
    assert all("tools" in ours()[name].body["profiles"] for name in NOT_STARTED_BY_UP)


def test_every_command_exists(service: Ours) -> None:
    command = service.body["command"]

    assert command == ["--help"] or understood(command)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert not understood(["consume", "nothing"])
    assert not understood(["nothing"])


def understood(words: list[str]) -> bool:
    """Whether the command line has such a command and it takes these words; nothing is run."""
    door: Any = typer.main.get_command(build())
    context = door.make_context("maitred", [], resilient_parsing=True)
    try:
        name, command, rest = door.resolve_command(context, words)
        if command is None:  # what resilient parsing says instead
            return False
        command.make_context(name, rest, parent=context)
    except Exception as error:
        # typer keeps its own copy of click, whose errors have no public name
        if "UsageError" in {kind.__name__ for kind in type(error).__mro__}:
            return False
        raise
    return True


def test_every_variable_is_a_setting_with_a_value_of_its_domain(service: Ours) -> None:
    names = {name for name in service.environment if name.startswith(PREFIX)}
    known = {PREFIX + field.upper() for field in Settings.model_fields}

    assert set(service.body["environment"]) <= names <= known
    assert service.settings.host == "0.0.0.0"  # noqa: S104 - or nobody outside the container reaches it


def test_addresses_are_services_of_this_file(service: Ours) -> None:
    redis = urlsplit(service.settings.redis_url or "")
    kafka = urlsplit(f"//{service.settings.kafka_bootstrap}")
    listeners = document()["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]

    assert (redis.scheme, redis.hostname, redis.port) == ("redis", "valkey", 6379)
    assert f"PLAINTEXT://{kafka.netloc}" in listeners.split(",")
    assert kafka.hostname == "kafka"
    assert set(service.body["depends_on"]) == SERVERS


def test_health_is_asked_where_the_program_answers() -> None:
    for program, service in compose.programs():
        port = getattr(service.settings, program.port_field)

        assert service.health_url == f"http://127.0.0.1:{port}{program.health_path}"
        assert program.default_port in {None, port}


def test_a_service_that_others_wait_for_says_when_it_is_healthy() -> None:
    awaited = {
        (name, condition["condition"])
        for service in ours().values()
        for name, condition in service.body["depends_on"].items()
    }

    assert awaited == {(name, "service_healthy") for name in SERVERS}
    assert all("healthcheck" in document()["services"][name] for name in SERVERS)


def test_ports_are_the_embedded_stacks_own_and_published_on_loopback_only() -> None:
    published = {
        name: tuple(port.split(":"))
        for name, body in document()["services"].items()
        for port in body.get("ports", [])
    }

    assert {address for address, _, _ in published.values()} == {"127.0.0.1"}
    for program, service in compose.programs():
        port = getattr(service.settings, program.port_field)
        expected = ("127.0.0.1", str(port), str(port)) if program.default_port else None
        assert published.pop(program.name, None) == expected
    assert published == {
        "kafka": ("127.0.0.1", default_port("kafka_port"), "9094"),
        "valkey": ("127.0.0.1", default_port("valkey_port"), "6379"),
    }


def default_port(field: str) -> str:
    description = Settings.model_fields[field].description or ""
    return description.rpartition("(")[2].rstrip(").")


def test_state_is_kept_in_volumes_and_shared_by_those_who_share_files(service: Ours) -> None:
    (mount,) = service.body["volumes"]
    volume, _, folder = mount.partition(":")
    learning = {"consume-archive", "consume-retrain", "trainer"}

    assert Path(folder) == service.settings.state_dir
    assert volume in document()["volumes"]
    assert (volume == "learning") == (service.name in learning)


def test_retraining_reads_a_data_set_that_lies_in_its_volume() -> None:
    settings = ours()["consume-retrain"].settings

    assert settings.retrain_data is not None
    assert settings.retrain_data.is_relative_to(settings.state_dir)


def test_no_volume_is_declared_in_vain() -> None:
    bodies = document()["services"].values()

    mounted = {mount.partition(":")[0] for body in bodies for mount in body["volumes"]}

    assert mounted == set(document()["volumes"])


def test_every_build_target_exists(service: Ours) -> None:
    assert service.target in dockerfile.stages()
    assert service.body["build"]["context"] == "."
    assert service.body["image"] == f"maitred-{service.target}:local"
    assert service.body["pull_policy"] == "build"


def test_servers_are_of_the_versions_that_the_embedded_stack_runs() -> None:
    pins = (ROOT / "requirements/dev.txt").read_text("utf-8")
    valkey = document()["services"]["valkey"]["image"].removeprefix("valkey/valkey:")

    assert document()["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert f"\nvalkeylite=={valkey}." in pins


def test_the_broker_is_configured_like_the_embedded_one() -> None:
    embedded = properties_of_the_embedded_broker()
    variables: dict[str, Any] = document()["services"]["kafka"]["environment"]
    here = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in variables.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }

    common = here.keys() & embedded.keys() - OWN_ADDRESSES

    assert {name: here[name] for name in common} == {name: embedded[name] for name in common}
    assert here.keys() - embedded.keys() == {"inter.broker.listener.name"}
    assert here.keys() >= OWN_ADDRESSES


def properties_of_the_embedded_broker() -> dict[str, str]:
    broker = Broker(
        home=Path("kafka"),
        port=9092,
        controller_port=9093,
        java=Java(Path("java"), 25),
        class_path="",
        retention_hours=1,
    )
    pairs = (line.partition("=") for line in broker.properties().splitlines())
    return {name: value for name, _, value in pairs}
