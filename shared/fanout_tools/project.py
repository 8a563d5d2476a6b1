"""The project that the commands work on: the folder whose ``pyproject.toml`` has a ``[tool.fanout]``.

It is looked for in the working directory and above, so that every command works from any folder of the project.
``[tool.fanout]`` may say where things are; each key but the last is a folder, relative to the project's root:

``services``   one folder per worker and web function; default ``services``
``contracts``  the package of the events' contracts; default ``contracts``
``terraform``  with ``environments/``; default ``terraform``
``build``      what commands make, and what may be deleted at any time; default ``build``
``namespace``  the prefix of every name in AWS, before the environment's; default ``fanout``

Set-up needs it before anything is installed: it imports Python's own library alone.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fanout_tools.errors import ToolError, near_miss

if TYPE_CHECKING:
    from fanout.events.event import Event

__all__ = ["DISTRIBUTION", "Project", "ProjectError", "project"]


NAMESPACE: Final = "fanout"

DISTRIBUTION: Final = "fanout-bus"
"""What pip installs; the packages in it are fanout, fanout_tools and fanout_router."""


class ProjectError(ToolError):
    """The working directory is in no project, or the project's ``[tool.fanout]`` is wrong."""


@dataclass(frozen=True, slots=True)
class Project:
    """Where a project's things are."""

    root: Path
    services: Path
    contracts: Path
    terraform: Path
    build: Path
    namespace: str = NAMESPACE
    """Of every deployment: names in AWS begin with it and the environment's name."""

    @property
    def schemas(self) -> Path:
        """The contracts' JSON Schemas, as they are committed."""
        return self.contracts / "schemas"

    @property
    def golden(self) -> Path:
        """Events that every later version has to read."""
        return self.contracts / "golden"

    @property
    def vendored_modules(self) -> Path:
        """fanout's Terraform modules, as ``fanout vendor`` writes them."""
        return self.terraform / "modules"

    @property
    def vendor_record(self) -> Path:
        """What :attr:`vendored_modules` were made from; not there where they are fanout's own."""
        return self.vendored_modules / "fanout-vendor.json"

    @property
    def environments(self) -> Path:
        """A folder for each environment: what Terraform is run in."""
        return self.terraform / "environments"

    @property
    def has_console(self) -> bool:
        """Whether an environment has a console behind its router, which ``console.yaml`` beside its Terraform says."""
        return any(self.environments.glob("*/console.yaml"))

    def load_contracts(self) -> list[type[Event]]:
        """The contracts of the project.

        :raises ContractError: a contract is declared wrongly or twice.
        :raises ProjectError: there is no package of contracts.
        """
        if not (self.contracts / "__init__.py").exists():
            raise ProjectError(
                f"{self.contracts}: no package of contracts; make it, with an __init__.py, or say where it is: "
                "contracts in [tool.fanout] of pyproject.toml"
            )
        from fanout.events.event import load_contracts

        parent = str(self.contracts.parent.resolve())
        if parent not in sys.path:
            sys.path.insert(0, parent)
        return load_contracts(self.contracts.name)


def project(folder: Path | None = None) -> Project:
    """The project of the working directory, where ``services`` and ``contracts`` are relative to it, as messages name
    them; or of another folder, where all is absolute.

    :raises ProjectError: there is none, or its ``[tool.fanout]`` is wrong; the text says what to write.
    """
    if folder is not None:
        return _project_of(folder.resolve())
    found = _project_of(Path.cwd())
    return replace(found, services=_relative(found.services), contracts=_relative(found.contracts))


def _relative(path: Path) -> Path:
    return Path(os.path.relpath(path))


@lru_cache(maxsize=64)
def _project_of(folder: Path) -> Project:
    for root in (folder, *folder.parents):
        settings = _settings(root / "pyproject.toml")
        if settings is not None:
            return _read(root, settings)
    raise ProjectError(
        f"{folder}: neither here nor above is a project: a pyproject.toml with [tool.fanout]; run the command in a "
        "project's folder"
    )


def _settings(file: Path) -> dict[str, Any] | None:
    """``[tool.fanout]`` of the file, if it has one."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise ProjectError(f"{file}: cannot be read: {error}") from error
    settings = content.get("tool", {}).get("fanout")
    if settings is not None and not isinstance(settings, dict):
        raise ProjectError(f"{file}: tool.fanout: must be a table")
    return settings


def _read(root: Path, settings: dict[str, Any]) -> Project:
    folders = [field.name for field in fields(Project) if field.type == "Path" and field.name != "root"]
    keys = [*folders, "namespace"]
    for key, value in settings.items():
        if key not in keys:
            hint = f"{near_miss(key, keys)}there are {', '.join(keys)}"
            raise ProjectError(f"{root / 'pyproject.toml'}: tool.fanout.{key}: no such key; {hint}")
        if not isinstance(value, str) or not value:
            raise ProjectError(f"{root / 'pyproject.toml'}: tool.fanout.{key}: must be a text")
    namespace = settings.get("namespace", NAMESPACE)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", namespace):
        raise ProjectError(
            f"{root / 'pyproject.toml'}: tool.fanout.namespace: {namespace}: must begin with a lower-case letter and "
            "hold lower-case letters, digits and hyphens, 20 characters at most: it is part of every name in AWS"
        )
    return Project(root, **{key: root / settings.get(key, key) for key in folders}, namespace=namespace)
