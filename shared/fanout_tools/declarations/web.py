"""The model of ``web.yaml``: a web function, which serves HTTP and takes no events.

``via`` says how requests reach it: through the router, by a function URL of its own, or by an HTTP API of API
Gateway. It stands beside the workers, in a folder of its own under ``services``, and owns no queue, table or bucket: it
publishes and reads. ``app.py`` has its ``app``, for local processes; ``handler.py`` its ``handler``, for Lambda.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, ValidationError

from fanout.errors import ManifestError
from fanout_tools.declarations import rules as manifest_rules
from fanout_tools.declarations import texts as manifest_text
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.reading import read
from fanout_tools.declarations.worker import EventName, Manifest, Permission, Section, name_problems, worker_name

__all__ = ["TIMEOUTS", "FunctionUrl", "HttpApi", "Jwt", "Via", "WebFunction", "WebManifest", "load_all"]

FILE = "web.yaml"

Via = Literal["router", "url", "http_api"]
TIMEOUTS: Final[Mapping[Via, int]] = {"router": 900, "url": 60, "http_api": 30}
"""Seconds that a function has where its file does not say; as in ``terraform/modules/platform/web.tf``."""
_BOUNDS: Final[Mapping[Via, tuple[int, int, str]]] = {
    "router": (60, 900, "an environment is drained 30 s before its end"),
    "url": (1, 900, "Lambda ends an invocation after 15 minutes"),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
    "http_api": (1, 30, "an HTTP API answers 503 after 30 s, whatever its function does"),
}


class WebFunction(Section):
    """The Lambda function. Bounds: AWS Lambda quotas."""

    memory_mb: int = Field(default=512, ge=128, le=10_240, description="memory; CPU comes in proportion to it")
    timeout_s: int | None = Field(
        default=None,
        ge=1,
        le=900,
        description="via the router: how long an environment serves before it is replaced, at least 60, else 900; "
        "via a function URL: how long a request may take, else 60; via an HTTP API: the same, at most 30, else 30",
    )
    architecture: Literal["arm64", "x86_64"] = Field(default="arm64", description="of the processor; arm64 costs less")


class FunctionUrl(Section):
    """The function URL of ``via: url``."""

    auth: Literal["iam", "none"] = Field(
        default="iam", description="who may call: those whom IAM allows to, by signed requests; or everybody"
    )
    streaming: bool = Field(
        default=False,
        description="send an answer while the app makes it, up to 200 MB; without it an answer is whole, up to 6 MB",
    )


class Jwt(Section):
    """Whose tokens an HTTP API takes."""

    issuer: str = Field(pattern=r"^https://[^\s]+$", description="the claim `iss`; its OpenID configuration is there")
    audience: list[str] = Field(min_length=1, description="of which a token has one as its claim `aud` or `client_id`")


class HttpApi(Section):
    """The HTTP API of ``via: http_api``. Bounds: quotas of API Gateway, a region's for all its APIs."""

    auth: Literal["jwt", "none"] = Field(default="jwt", description="who may call: bearers of a token; or everybody")
    jwt: Jwt | None = Field(default=None, description="whose tokens; an environment may name others")
    rate: int = Field(default=100, ge=1, le=10_000, description="requests a second; more are answered 429")
    burst: int = Field(default=200, ge=1, le=5_000, description="requests that may come at once above the rate")


class WebManifest(Section):
    """A web function, as its ``web.yaml`` declares it."""

    description: str = Field(min_length=1, max_length=256, description="what it does, for catalogue and console")
    owner: str | None = Field(default=None, min_length=1, max_length=64, description="the team on call for it")
    publishes: list[EventName] = Field(
        default=[], description="the events that it may put on the bus; without any its role may put none"
    )
    via: Via = Field(
        default="router",
        description="how requests reach it: through the router, by a function URL, or by an HTTP API of API Gateway",
    )
    url: FunctionUrl | None = Field(default=None, description="the function URL, of `via: url` alone")
    http_api: HttpApi | None = Field(default=None, description="the HTTP API, of `via: http_api` alone")
    function: WebFunction = Field(default=WebFunction(), description="the Lambda function: memory and time")
    permissions: list[Permission] = Field(default=[], description="what its role may do beyond publishing")

    @property
    def timeout_s(self) -> int:
        """Seconds that its function has."""
        return self.function.timeout_s or TIMEOUTS[self.via]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one ``web.yaml``.

        :raises ManifestError: unreadable, not YAML, or a rule broken; a line for each problem.
        """
        declared = read(path)
        try:
            return cls.model_validate(declared)
        except ValidationError as error:
            file = _file(path)
            problems = manifest_text.problems(cls, declared, error)
            raise ManifestError("\n".join(f"{file}: {problem}" for problem in problems)) from error

    def environment(self, names: Names, account: str) -> dict[str, str]:
        """The variables that the function finds its bus, tables and buckets by, as a worker does."""
        found = {"FANOUT_NAMESPACE": names.namespace}
        if self.publishes:
            found["FANOUT_BUS"] = names.bus
        for resource in (resource for permission in self.permissions for resource in permission.resources):
            kind, _, rest = resource.partition(":")
            name = rest.partition("/")[0]
            if kind in ("table", "bucket"):
                value = names.table(name) if kind == "table" else names.bucket(name, account)
                found[f"{kind}_{name}".upper().replace("-", "_")] = value
        return found


def load_all(
    services: Path, workers: Mapping[str, Manifest], *, events: Iterable[str] | None = None
) -> dict[str, WebManifest]:
    """Every web function declared under ``services``, by name, in the order of the names.

    :param workers: of the same folder; they share their names with the web functions, and own what these read.
    :param events: the declared events, ``<source>/<Name>``; None leaves that rule out.
    :raises ManifestError: with the problems of all files at once.
    """
    known = None if events is None else list(events)
    found: dict[str, WebManifest] = {}
    problems: list[str] = []
    folders = {worker_name(path.parent): path.parent for path in services.glob("*/worker.yaml")}
    for path in sorted(services.glob(f"*/{FILE}")):
        name = worker_name(path.parent)
        if path.with_name("worker.yaml").exists():
            problems.append(f"{_file(path)}: stands beside a worker.yaml; give the web function a folder of its own")
            continue
        problems += name_problems(path, folders.get(name))
        folders[name] = path.parent
        try:
            found[name] = declared = WebManifest.load(path)
        except ManifestError as error:
            problems.append(str(error))
        else:
            problems += _problems(_file(path), declared, workers, known)
    if problems:
        raise ManifestError("\n".join(problems))
    return dict(sorted(found.items()))


def _problems(
    file: str, declared: WebManifest, workers: Mapping[str, Manifest], events: list[str] | None
) -> Iterator[str]:
    yield from (f"{file}: {problem}" for problem in _way_problems(declared))
    yield from manifest_rules.unknown_stores(file, declared.permissions, manifest_rules.Declared.of(workers.values()))
    if events is not None:
        named = manifest_rules.published(declared.publishes)
        yield from (f"{file}: {problem}" for problem in manifest_rules.unknown_events(named, events))


def _way_problems(declared: WebManifest) -> Iterator[str]:
    """What of a file does not go with its ``via``."""
    for way, section in (("url", declared.url), ("http_api", declared.http_api)):
        if section is not None and way != declared.via:
            yield f"{way}: is of no use via {declared.via}; remove it, or write via: {way}"
    least, most, why = _BOUNDS[declared.via]
    if not least <= declared.timeout_s <= most:
        told = f"must be {least} to {most} via {declared.via}: {why}"
        yield f"function.timeout_s: {declared.timeout_s}: {told}"
    if declared.via == "http_api":
        yield from _jwt_problems(declared.http_api or HttpApi())


def _jwt_problems(api: HttpApi) -> Iterator[str]:
    if api.auth == "jwt" and api.jwt is None:
        yield "http_api.jwt: missing; name issuer and audience, or write auth: none, which lets everybody call"
    if api.auth == "none" and api.jwt is not None:
        yield "http_api.jwt: is of no use with auth: none; remove one of them"


def _file(path: Path) -> str:
    return f"services/{path.parent.name}/{FILE}"
