"""What runs in a run directory, written down so that another process can stop it later."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fanout_tools.emulators.errors import StateError
from fanout_tools.emulators.model import Endpoints
from fanout_tools.emulators.processes import ProcessRecord

__all__ = ["Run", "Started", "load", "remove", "save"]

_FILE: Final = "run.json"
_ENDPOINTS: Final = "endpoint.env"


@dataclass(frozen=True, kw_only=True)
class Started:
    """A server that was started."""

    name: str
    process: ProcessRecord
    health_url: str
    after_stop: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Run:
    """An emulator that was started in a run directory; it need not be alive any more."""

    emulator: str
    port: int
    enforce_iam: bool
    endpoints: Endpoints
    servers: Sequence[Started]


def save(run_dir: Path, run: Run) -> None:
    """Write ``run`` down, and its endpoints as a file that a shell can source."""
    lines = (f"{name}={value}\n" for name, value in run.endpoints.environment().items())
    _replace(run_dir / _ENDPOINTS, "".join(lines))
    _replace(run_dir / _FILE, json.dumps(asdict(run), indent=2))


def _replace(path: Path, text: str) -> None:
    """Write at once, so that a command that is killed leaves no half of a record."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def load(run_dir: Path) -> Run | None:
    """What was started in ``run_dir`` and not stopped since; None when there is nothing.

    :raises StateError: the record cannot be read.
    """
    path = run_dir / _FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        servers = [Started(**{**server, "process": ProcessRecord(**server["process"])}) for server in data["servers"]]
        return Run(**{**data, "endpoints": Endpoints(**data["endpoints"]), "servers": servers})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{path} is no record of a running emulator ({error}): end what runs there by hand, then delete the file"
        ) from error


def remove(run_dir: Path) -> None:
    """Forget the run: it has been stopped."""
    for name in (_FILE, _ENDPOINTS):
        (run_dir / name).unlink(missing_ok=True)
