"""The ports' certificates; the control port's is from files or from the settings themselves.

A container with a read-only file system has no place for a key that it was given in its environment, and a key is
better off on no disk at all: it is put into anonymous memory (memfd) for as long as OpenSSL takes to read it.
"""

import hashlib
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_router.config import RouterSettings
from fanout_router.errors import ConfigError

__all__ = ["client_tls", "control_tls"]

_END = "-----END CERTIFICATE-----"


def client_tls(settings: RouterSettings, into: ssl.SSLContext | None = None) -> ssl.SSLContext | None:
    """The client port's TLS context; None for plain text. See :func:`control_tls` for ``into``.

    :raises ConfigError: the certificate or its key cannot be used.
    """
    return _server_tls("DISPATCH_CERTIFICATE", settings.certificate, settings.key, ["h2", "http/1.1"], into)


def control_tls(settings: RouterSettings, into: ssl.SSLContext | None = None) -> tuple[ssl.SSLContext | None, str]:
    """The control port's TLS context and its certificate's SHA-256; (None, "") for plain text on loopback.

    :param into: a context that is in use, to hold the certificate from its next connection on.
    :raises ConfigError: the certificate or its key cannot be used; the text holds nothing of either.
    """
    if not settings.control_tls:
        return None, ""
    with _files(settings) as (certificate, key):
        option = "DISPATCH_CONTROL_CERTIFICATE" + ("_PEM" if settings.control_certificate is None else "")
        return _server_tls(option, certificate, key, ["h2"], into), _fingerprint(certificate)


def _server_tls(
    option: str,
    certificate: Path | None,
    key: Path | None,
    protocols: list[str],
    into: ssl.SSLContext | None = None,
) -> ssl.SSLContext | None:
    """A port's TLS context; None for plain text.

    :param protocols: for ALPN.
    :raises ConfigError: certificate or key cannot be used.
    """
    if certificate is None or key is None:
        return None
    context = into or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(protocols)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{option}: {certificate} cannot be used: {error}") from None
    return context


def _fingerprint(certificate: Path) -> str:
    """Of the first certificate of a file that has been loaded: the others are its issuers."""
    leaf = certificate.read_text().partition(_END)[0] + f"{_END}\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()


@contextmanager
def _files(settings: RouterSettings) -> Iterator[tuple[Path, Path]]:
    if settings.control_certificate is not None and settings.control_key is not None:
        yield settings.control_certificate, settings.control_key
    elif settings.control_certificate_pem is not None and settings.control_key_pem is not None:
        with (
            _in_memory(settings.control_certificate_pem.get_secret_value()) as certificate,
            _in_memory(settings.control_key_pem.get_secret_value()) as key,
        ):
            yield certificate, key


@contextmanager
def _in_memory(text: str) -> Iterator[Path]:
    if not hasattr(os, "memfd_create"):
        raise ConfigError(
            "DISPATCH_CONTROL_CERTIFICATE_PEM: needs Linux; give DISPATCH_CONTROL_CERTIFICATE and "
            "DISPATCH_CONTROL_KEY, which are files"
        )
    with os.fdopen(os.memfd_create("fanout-router"), "w") as file:
        file.write(text)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")
