"""The control port's certificate, from files or from the settings themselves.

A container with a read-only file system has no place for a key that it was given in its environment, and a key is
better off on no disk at all: it is put into anonymous memory (memfd) for as long as OpenSSL takes to read it.
"""

import hashlib
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatch.config import RouterSettings
from dispatch.errors import ConfigError

__all__ = ["control_tls"]

_END = "-----END CERTIFICATE-----"


def control_tls(settings: RouterSettings) -> tuple[ssl.SSLContext | None, str]:
    """The control port's TLS context and its certificate's SHA-256; (None, "") for plain text on loopback.

    :raises ConfigError: the certificate or its key cannot be used; the text holds nothing of either.
    """
    if not settings.control_tls:
        return None, ""
    try:
        with _files(settings) as (certificate, key):
            return _context(certificate, key), _fingerprint(certificate)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{_option(settings)}: cannot be used: {error}") from None


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(certificate, key)
    return context


def _fingerprint(certificate: Path) -> str:
    """Of the first certificate of the file: the others are its issuers."""
    leaf = certificate.read_text().partition(_END)[0] + f"{_END}\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()


def _option(settings: RouterSettings) -> str:
    if settings.control_certificate is None:
        return "DISPATCH_CONTROL_CERTIFICATE_PEM"
    return f"DISPATCH_CONTROL_CERTIFICATE: {settings.control_certificate}"


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
