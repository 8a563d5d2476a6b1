"""Decide where Terraform takes provider plugins from, and say so in a CLI configuration file.

``TF_PLUGIN_MIRROR`` wins when it is set; else the public registry, when it answers; else the first
filesystem mirror found in the usual places. The layout of a mirror and the directories that Terraform looks
through on its own accord are described in Terraform's "CLI configuration" page, sections "Explicit
installation method configuration" and "Implied local mirror directories".
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout_tools.deploy.terraform.errors import PluginSourceError

__all__ = ["PluginSource", "choose_source", "registry_answers", "usual_places"]

REGISTRY: Final = "registry.terraform.io"
PROVIDER: Final = f"{REGISTRY}/hashicorp/aws"
PROBE_TIMEOUT_SECONDS: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class PluginSource:
    """Where plugins come from."""

    mirror: Path | None
    """Directory that holds ``registry.terraform.io/...``; None means the public registry."""

    def __str__(self) -> str:
        return f"the mirror {self.mirror}" if self.mirror else f"the public registry {REGISTRY}"

    def cli_configuration(self, cache: Path) -> str:
        """The text of a Terraform CLI configuration file; downloads are kept in ``cache``."""
        if self.mirror:
            path = json.dumps(str(self.mirror))
            return f"provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"
        # Without the second setting the cache is only used for plugins that a lock file already names.
        use_without_lock = "plugin_cache_may_break_dependency_lock_file = true"
        return f"plugin_cache_dir = {json.dumps(str(cache))}\n{use_without_lock}\n"


def choose_source(
    environ: Mapping[str, str],
    *,
    registry: Callable[[], bool] | None = None,
    places: Iterable[Path] | None = None,
) -> PluginSource:
    """Where the AWS provider can be had from on this machine.

    :raises PluginSourceError: nowhere.
    """
    if named := environ.get("TF_PLUGIN_MIRROR"):
        return PluginSource(mirror=_checked(Path(named).expanduser()))
    if (registry or registry_answers)():
        return PluginSource(mirror=None)
    for place in usual_places(environ) if places is None else places:
        if _holds_provider(place):
            return PluginSource(mirror=place)
    raise PluginSourceError(
        f"{REGISTRY} does not answer, and no local mirror of {PROVIDER} was found: "
        f"set TF_PLUGIN_MIRROR to the directory that holds {REGISTRY}/, or connect to the network"
    )


def _checked(mirror: Path) -> Path:
    if not _holds_provider(mirror):
        raise PluginSourceError(
            f"TF_PLUGIN_MIRROR is {mirror}, but there is no {mirror / PROVIDER} with a version in it: "
            f"make it with `terraform providers mirror`, or unset TF_PLUGIN_MIRROR"
        )
    return mirror.resolve()


def _holds_provider(mirror: Path) -> bool:
    provider = mirror / PROVIDER
    try:
        return provider.is_dir() and any(provider.iterdir())
    except PermissionError:
        return False


def registry_answers() -> bool:
    """Whether the public registry answers its service discovery document within a few seconds."""
    url = f"https://{REGISTRY}/.well-known/terraform.json"
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_SECONDS) as answer:
            return "providers.v1" in json.load(answer)
    except (OSError, ValueError):
        return False


def usual_places(environ: Mapping[str, str]) -> Iterator[Path]:
    """Directories that may be a filesystem mirror: first those Terraform documents."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))
    data_home = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    data_dirs = (environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    yield home / ".terraform.d/plugins"
    yield home / "Library/Application Support/io.terraform/plugins"
    yield from (base / "terraform/plugins" for base in [data_home, *map(Path, data_dirs)])
    yield from _children(Path("/opt"), Path("/usr/local/share"), Path("/usr/share"), home)


def _children(*parents: Path) -> Iterator[Path]:
    for parent in parents:
        yield parent
        try:
            yield from sorted(child for child in parent.iterdir() if child.is_dir())
        except (FileNotFoundError, PermissionError):
            continue
