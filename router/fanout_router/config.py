"""Every option of the router, from the environment (prefix ``DISPATCH_``), each with its bounds.

Web functions are given as JSON in ``DISPATCH_FUNCTIONS``, for example
``[{"name": "shop", "lambda_function": "shop-web", "lambda_qualifier": "live"}]``."""

import json
import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from http.client import HTTPException
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from urllib.request import urlopen

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from fanout_router.errors import ConfigError

__all__ = ["control_address"]

_LAMBDA_NAME = re.compile(
    r"(arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:|\d{12}:function:|\d{12}:)?[A-Za-z0-9_-]{1,64}"
)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class FunctionSettings(BaseModel):
    """One web function and its environments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Name in metrics and logs.")
    host: str = Field("", pattern=r"^[a-z0-9.:\[\]-]*$", description="Host it serves; empty: every host.")
    prefix: str = Field("/", pattern=r"^/", description="Path prefix it serves, by whole segments.")
    app: str = Field("", description="module:app for local processes instead of Lambda.")
    lambda_function: str = Field("", description="Name, partial ARN or ARN of the Lambda function.")
    lambda_qualifier: str = Field("", pattern=r"^(\$LATEST|[A-Za-z0-9_-]{0,128})$", description="Alias or version.")
    channels: int = Field(10, ge=1, le=1_000, description="Requests one environment serves at a time.")
    minimum: int = Field(0, ge=0, le=10_000, description="Environments kept in any case.")
    maximum: int = Field(100, ge=1, le=10_000, description="Environments at most.")
    spare: int = Field(0, ge=0, le=1_000, description="Environments beyond the need, while there is any load.")
    target_wait_s: Seconds = Field(0.2, description="Wait that scaling out aims at.")
    utilisation: float = Field(0.55, gt=0, le=1, description="Share of channels in use that scaling aims at.")
    cooldown_s: Seconds = Field(10.0, description="Scale in to the largest need within this time.")
    function_timeout_s: float = Field(900.0, ge=30, le=900, description="The Lambda function's own timeout.")
    drain_margin_s: Seconds = Field(30.0, description="Drain an environment this long before its timeout.")
    open_timeout_s: Seconds = Field(30.0, description="From invocation to the first channel.")
    invoke_rate: float = Field(2.0, gt=0, le=1_000, description="Invocations a second, lastingly: hard.")
    invoke_burst: int = Field(100, ge=1, le=10_000, description="Invocations at once: hard.")
    queue_length: int = Field(10_000, ge=0, le=1_000_000, description="Requests that may wait.")
    queue_timeout_s: Seconds = Field(30.0, description="A request waits this long at most; then 503.")
    response_timeout_s: Seconds = Field(60.0, description="To the first byte of a response; then 504.")
    idle_timeout_s: Seconds = Field(300.0, description="Between two parts of a response.")
    cold_start_s: float = Field(0.0, ge=0, le=600, description="Simulated cold start of local processes.")

    @field_validator("host")
    @classmethod
    def _without_port(cls, host: str) -> str:
        bare = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        if bare != host:
            raise ValueError(f"a host is compared without its port: write {bare}")
        return host

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.app) == bool(self.lambda_function):
            raise ValueError("give either app or lambda_function")
        if self.lambda_function and not _LAMBDA_NAME.fullmatch(self.lambda_function):
            raise ValueError(f"lambda_function {self.lambda_function!r} is no function name or ARN")
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if self.drain_margin_s > self.function_timeout_s / 2:
            raise ValueError(
                f"drain_margin_s {self.drain_margin_s:g} is above half of function_timeout_s "
                f"{self.function_timeout_s:g}: an environment would hardly serve"
            )
        return self


class RouterSettings(BaseSettings):
    """The router."""

    model_config = SettingsConfigDict(env_prefix="DISPATCH_", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address for clients; 0.0.0.0 behind a load balancer.")
    port: Port = Field(8080, description="Port for clients; 0: any free one.")
    certificate: Path | None = Field(None, description="PEM certificate of the client port; unset: plain HTTP.")
    key: Path | None = Field(None, description="PEM key of the client port.")
    admin_host: str = Field("127.0.0.1", description="Address of /healthz, /readyz and /metrics.")
    admin_port: Port = Field(8081, description="Port of /healthz, /readyz and /metrics.")
    control_host: str = Field("127.0.0.1", description="Address on which environments call back.")
    control_port: Port = Field(8443, description="Port on which environments call back.")
    control_address: str = Field(
        "", description="https://host:port that environments are told; empty: as bound, or the ECS task's own address."
    )
    control_certificate: Path | None = Field(None, description="PEM certificate of the control port.")
    control_key: Path | None = Field(None, description="PEM key of the control port.")
    control_certificate_pem: SecretStr | None = Field(
        None, description="The certificate itself, where it comes from a store of secrets and no file may be written."
    )
    control_key_pem: SecretStr | None = Field(None, description="The key itself.")
    trusted_proxies: list[str] = Field([], description="Networks whose X-Forwarded-* is believed.")
    client_connections: int = Field(10_000, ge=1, le=1_000_000, description="Client connections at most.")
    max_head_bytes: int = Field(65_536, ge=1_024, le=262_144, description="Request line and fields; then 431.")
    max_url_bytes: int = Field(8_192, ge=64, le=65_536, description="Request target; then 414.")
    max_fields: int = Field(200, ge=1, le=10_000, description="Request fields; then 431.")
    max_body_bytes: int | None = Field(None, ge=0, description="Request body; then 413. Unset: no limit.")
    head_timeout_s: Seconds = Field(10.0, description="For a request's head; then 408.")
    body_timeout_s: Seconds = Field(30.0, description="Between two parts of a request's body; then 408.")
    keep_alive_s: Seconds = Field(75.0, description="Idle client connections live this long.")
    drain_s: Seconds = Field(30.0, description="On SIGTERM, requests under way have this long.")
    processes: int = Field(
        1, ge=1, le=64, description="Router processes: each has its share of every bound, and the next control port."
    )
    access_log: bool = Field(False, description="One line of JSON per request on standard output.")
    emf_namespace: str = Field("", description="CloudWatch namespace for metrics as EMF lines; empty: none.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    functions: list[FunctionSettings] = Field([], description="The web functions, as JSON.")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            try:
                right = str(ip_network(network, strict=False))
            except ValueError:
                raise ValueError(f"{network!r} is no network: write addresses and a prefix, as in 10.0.0.0/8") from None
            if right != network and "/" in network and ip_address(network.partition("/")[0]) != ip_network(right)[0]:
                raise ValueError(f"{network!r} has bits beyond its prefix: write {right}, or the address alone")
        return networks

    @field_validator("control_address")
    @classmethod
    def _address(cls, address: str) -> str:
        wrong = f"{address!r} is no address: write https://host:port, as environments reach it"
        try:
            parts = urlsplit(address)
            complete = (
                parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/") and parts.port != 0
            )
        except ValueError:
            raise ValueError(wrong) from None
        if address and not complete:
            raise ValueError(wrong)
        return address

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.control_address and self.control_tls is not self.control_address.startswith("https://"):
            raise ValueError(
                f"control_address {self.control_address} goes with "
                f"{'no ' if not self.control_tls else ''}control_certificate: write "
                f"{'https' if self.control_tls else 'http'}://..., or change the certificate"
            )
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if (self.control_certificate is None) != (self.control_key is None):
            raise ValueError("control_certificate and control_key go together")
        if (self.control_certificate_pem is None) != (self.control_key_pem is None):
            raise ValueError("control_certificate_pem and control_key_pem go together")
        if self.control_certificate is not None and self.control_certificate_pem is not None:
            raise ValueError("give either control_certificate and control_key or their _pem, not both")
        if not self.control_tls and self.control_host not in _LOOPBACK:
            raise ValueError(
                f"control_host {self.control_host} is beyond loopback: it needs control_certificate and control_key"
            )
        if self.processes > 1:
            self._check_processes()
        names = [function.name for function in self.functions]
        if len(set(names)) != len(names):
            raise ValueError("two functions have the same name")
        places = [(function.host, function.prefix) for function in self.functions]
        if len(set(places)) != len(places):
            raise ValueError("two functions serve the same host and prefix")
        return self

    def _check_processes(self) -> None:
        short = [function.name for function in self.functions if function.maximum < self.processes]
        if short:
            raise ValueError(f"processes {self.processes} is above the maximum of {', '.join(short)}: each needs one")
        if self.control_port + self.processes > 65_536:
            raise ValueError(f"control_port {self.control_port} leaves no ports for {self.processes} processes")
        if self.control_address and not self.control_address.rpartition(":")[2].isdigit():
            raise ValueError("control_address needs a port: with several processes, each has the next one")

    @property
    def control_tls(self) -> bool:
        """Whether the control port speaks TLS."""
        return self.control_certificate is not None or self.control_certificate_pem is not None

    @classmethod
    def load(cls, **given: object) -> "RouterSettings":
        """The settings: what is given, else the environment, else the defaults.

        :raises ConfigError: an option is wrong; one line for each.
        """
        unknown = list(_unknown(cls))
        if unknown:
            raise ConfigError("\n".join(unknown))
        try:
            return cls(**given)  # type: ignore[arg-type]
        except SettingsError as error:
            raise ConfigError(_no_json(error)) from None
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            lines = [_line(tuple(problem["loc"]), problem["msg"], problem["input"]) for problem in problems]
            raise ConfigError("\n".join(lines)) from None


_PREFIX = "DISPATCH_"


def _unknown(settings: type[BaseSettings]) -> Iterator[str]:
    """A line for each variable that looks like an option and is none."""
    known = [_PREFIX + name.upper() for name in settings.model_fields]
    for name in sorted(os.environ):
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, 1)
            yield f"{name}: there is no such option" + (f"; did you mean {near[0]}?" if near else "")


def _no_json(error: SettingsError) -> str:
    found = re.search(r'field "(\w+)"', str(error))
    name = _PREFIX + (found[1].upper() if found else "")
    value = next((value for key, value in os.environ.items() if key.upper() == name), "")
    return f"{name}: {_shown(value)} is no JSON ({error.__cause__}): write a list, as in " + (
        '[{"name": "shop", "lambda_function": "shop-web"}]' if name.endswith("FUNCTIONS") else '["10.0.0.0/8"]'
    )


def _line(place: tuple[int | str, ...], message: str, value: Any) -> str:
    name = _PREFIX.rstrip("_") + "".join(f"_{str(part).upper()}" for part in place[:1])
    within = "".join(f"[{part}]" for part in place[1:])
    secret = any(str(part).endswith("_pem") for part in place)
    shown = f"{_shown(value)}: " if place and not secret and isinstance(value, str | int | float) else ""
    return f"{name}{within}: {shown}{message.removeprefix('Value error, ')}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
_TIMEOUT_S = 5.0
_MEND = "set DISPATCH_CONTROL_ADDRESS to the https://host:port that environments reach"


def control_address(settings: RouterSettings, port: int) -> str:
    """``http(s)://host:port`` of the control port, which is bound to ``port``.

    It is what the settings say, else the address that is bound; when that is all of them, the ECS task's own.

    :raises ConfigError: all addresses are bound, and this is no ECS task or its metadata tell no address.
    """
    if settings.control_address:
        return settings.control_address
    host = settings.control_host
    if host in ("0.0.0.0", "::", ""):
        host = _task_address(os.environ.get(METADATA_VARIABLE, ""))
    scheme = "https" if settings.control_tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _task_address(metadata: str) -> str:
    if not metadata.startswith("http://"):
        raise ConfigError(f"DISPATCH_CONTROL_ADDRESS: every address is bound, and this is no ECS task; {_MEND}")
    try:
        with urlopen(metadata, timeout=_TIMEOUT_S) as response:  # link-local, plain HTTP by its nature
            container = json.load(response)
        networks = container["Networks"]
        found = [
            address for kind in ("IPv4Addresses", "IPv6Addresses") for it in networks for address in it.get(kind) or ()
        ]
        return str(ip_address(found[0]))
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"DISPATCH_CONTROL_ADDRESS: the ECS task metadata tell no address ({reason}); {_MEND}"
        ) from None
