"""A broker that asks who one is: SCRAM, PLAIN, and SCRAM over TLS, each on a listener of its own."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from maitred.clock import SystemClock
from maitred.settings import cache_folder, child_environment, load
from services.local.broker import Broker, broker_launch
from services.local.jars import class_path
from services.local.java import find_java
from services.local.ports import free_port
from services.local.server import Server

USER, PASSWORD = "maitred", "open sesame"
_MODULE = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class SecuredKafka:
    """Where each listener is, and whom to believe on the one with TLS."""

    scram: str
    plain: str
    tls: str
    ca_file: Path
    server: Server


def start_secured(home: Path) -> SecuredKafka:
    """Start one, with a certificate made for it."""
    home.mkdir(parents=True)
    ports = {name: free_port() for name in ("scram", "plain", "tls")}
    inner, controller = free_port(), free_port()
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    listeners = ",".join(f"{name.upper()}://{place}" for name, place in at.items())
    certificate = make_certificate(home)
    scram = f"{_MODULE}.scram.ScramLoginModule required;"
    broker = Broker(
        home=home,
        port=inner,
        controller_port=controller,
        java=find_java(),
        class_path=class_path(cache_folder(load())),
        retention_hours=24,
        users=(f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]",),
        overrides={
            "listeners": f"PLAINTEXT://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{controller},{listeners}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{inner},{listeners}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "SCRAM:SASL_PLAINTEXT,PLAIN:SASL_PLAINTEXT,TLS:SASL_SSL",
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.tls.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.tls.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.tls.ssl.keystore.type": "PEM",
            "listener.name.tls.ssl.keystore.location": str(certificate),
            "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.plain.plain.sasl.jaas.config": f"{_MODULE}.plain.PlainLoginModule "
            f'required user_{USER}="{PASSWORD}";',
        },
    )
    launch = broker_launch(broker, log=home / "kafka.log", environment=child_environment())
    server = Server(launch, SystemClock())
    server.start()
    return SecuredKafka(**at, ca_file=home / "ca.pem", server=server)


def make_certificate(home: Path) -> Path:
    """Make a key and a certificate that vouches for itself; return the file that holds both."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not on this machine")
    key, ca, both = home / "key.pem", home / "ca.pem", home / "both.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(ca)],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_bytes(key.read_bytes() + ca.read_bytes())
    return both
