"""The control port's certificate: from files, or from the environment and never on a disk."""

import asyncio
import hashlib
import json
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fanout_router.certificate import control_tls
from fanout_router.config import RouterSettings
from fanout_router.errors import ConfigError
from fanout_router.server import Router

SHOP = {"name": "shop", "app": "no_such_module:app", "maximum": 1}


def certified() -> tuple[str, str]:
    """A certificate of its own issue and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "router")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), text.decode()


CERTIFICATE, KEY = certified()
FINGERPRINT = hashlib.sha256(ssl.PEM_cert_to_DER_cert(CERTIFICATE)).hexdigest()


@pytest.fixture
def in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_CONTROL_CERTIFICATE_PEM", CERTIFICATE)
    monkeypatch.setenv("DISPATCH_CONTROL_KEY_PEM", KEY)


def test_loopback_may_be_plain() -> None:
    assert control_tls(RouterSettings.load()) == (None, "")


def test_from_files(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(KEY)
    settings = RouterSettings.load(control_certificate=tmp_path / "cert.pem", control_key=tmp_path / "key.pem")
    context, fingerprint = control_tls(settings)
    assert context is not None
    assert fingerprint == FINGERPRINT


@pytest.mark.usefixtures("in_environment")
def test_from_the_environment_with_the_leaf_first() -> None:
    issuer, _ = certified()
    settings = RouterSettings.load(control_certificate_pem=CERTIFICATE + issuer)
    context, fingerprint = control_tls(settings)
    assert context is not None
    assert fingerprint == FINGERPRINT


@pytest.mark.usefixtures("in_environment")
def test_the_key_stays_in_memory_and_its_file_is_closed() -> None:
    before = set(os.listdir("/proc/self/fd"))
    control_tls(RouterSettings.load())
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("in_environment")
def test_the_key_is_in_no_text_of_the_settings() -> None:
    settings = RouterSettings.load()
    assert KEY.splitlines()[1] not in f"{settings!r}{settings}{settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("certificate", "key"), [("nonsense", KEY), (CERTIFICATE, "nonsense"), (CERTIFICATE, certified()[1])]
)
def test_what_is_no_certificate_is_named_and_not_told(certificate: str, key: str) -> None:
    settings = RouterSettings.load(control_certificate_pem=certificate, control_key_pem=key)
    with pytest.raises(ConfigError, match=r"DISPATCH_CONTROL_CERTIFICATE_PEM: .* cannot be used") as caught:
        control_tls(settings)
    assert "nonsense" not in str(caught.value)
    assert KEY.splitlines()[1] not in str(caught.value)


def test_a_file_that_is_missing_is_named() -> None:
    settings = RouterSettings.load(control_certificate=Path("no.pem"), control_key=Path("no.key"))
    with pytest.raises(ConfigError, match=r"DISPATCH_CONTROL_CERTIFICATE: no\.pem"):
        control_tls(settings)


@pytest.mark.usefixtures("in_environment")
def test_a_router_serves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_FUNCTIONS", json.dumps([SHOP]))

    async def run() -> str:
        router = Router(RouterSettings.load(port=0, admin_port=0, control_port=0))
        await router.start()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", router.ports["control"], ssl=context)
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        assert router.fleets[0].options.address == f"https://127.0.0.1:{router.ports['control']}"
        assert router.fleets[0].options.fingerprint == FINGERPRINT
        await router.close()
        return hashlib.sha256(certificate).hexdigest()

    assert asyncio.run(run()) == FINGERPRINT
