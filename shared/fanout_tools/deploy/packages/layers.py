"""Layers: the distributions a worker needs from elsewhere, exactly as constraints.txt pins them.

boto3 is packed although Lambda's runtime has one: the runtime's changes without notice. botocore keeps the data of
all services: which ones a worker calls is not known before it runs, and the data is 15 MB of compressed files that
cost nothing until they are read. Only the examples go, which nothing reads at run time.

PackageError
+-- PinError       a requirement has no pin in constraints.txt
+-- InstallError   what a layer needs could not be got, or is another content than the lock's
"""

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from fanout_tools import installer
from fanout_tools.deploy.packages import archive
from fanout_tools.deploy.packages.targets import Target
from fanout_tools.errors import ToolError

__all__ = ["PINS", "InstallError", "PackageError", "PinError", "build"]

PINS: Final = Path(__file__).with_name("constraints.txt")
"""Of all that fanout needs: a link to the repository's; the wheel holds what it leads to."""

LOCK: Final = "requirements.lock"
"""Beside a file of pins: the same with hashes, to which each file is held that is installed."""

RECIPE = 2
"""Raise it when the way a layer is made changes: every layer is then built anew."""
_INSTALLER_NOTES = {".lock", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


class PackageError(ToolError):
    """Base of every error this package raises; the text names the thing and the fix."""


class PinError(PackageError):
    """A layer holds a distribution that constraints.txt does not pin: its content could change by itself."""


class InstallError(PackageError):
    """A layer's requirements could not be installed, or have another content than the lock says."""


def constraints(own: Path, out: Path) -> Path:
    """A file with the pins of a layer: fanout's own requirements', and over them those of a project.

    :param own: the project's pins, if it has any.
    :param out: where the file is written.
    """
    pins, projects = _pins(PINS), _pins(own) if own.exists() else {}
    for file in (PINS.with_name(LOCK), own.with_name(LOCK)):
        if file.exists():
            projects = _with_hashes(projects, _pins(file))
            pins = _with_hashes(pins, _pins(file))
    path = out / "constraints.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for _, line in sorted((pins | projects).items())), encoding="utf-8")
    return path


def _pins(file: Path) -> dict[str, str]:
    """Lines by the distribution that each pins; hashes are on its line."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8").replace("\\\n", "").splitlines()]
    return {_normal(line.partition("==")[0]): line for line in lines if line and not line.startswith("#")}


def _with_hashes(pins: Mapping[str, str], locked: Mapping[str, str]) -> dict[str, str]:
    """The pins, with the hashes of those that the lock has in the same version."""
    return {name: _line(line, locked.get(name, "")) for name, line in pins.items()}


def _line(pin: str, locked: str) -> str:
    version, _, hashes = locked.partition(" --hash=")
    same = version.partition(";")[0].strip().partition("==")[2] == pin.partition("==")[2].strip()
    return f"{pin} --hash={hashes}" if hashes and same else pin


def _without_hashes(constraints: Path, out: Path) -> Path:
    """For pip, which takes no hashes of what is not pinned on its command line."""
    path = out / "constraints.txt"
    lines = (line.partition(" --hash=")[0] for line in _pins(constraints).values())
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _check_hashes(report: Path, constraints: Path) -> None:
    """Hold what pip has installed, by its own report, to the hashes of the pins. Wheels run nothing when they are
    installed, so that afterwards is not too late.

    :raises InstallError: a file is not one of those that the lock names.
    """
    pins = _pins(constraints)
    for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
        name = item["metadata"]["name"]
        known = re.findall(r"--hash=sha256:([0-9a-f]{64})", pins.get(_normal(name), ""))
        found = _sha256(item["download_info"].get("archive_info", {}))
        if known and found not in known:
            raise InstallError(
                f"{name}=={item['metadata']['version']}: its file has the SHA-256 {found}, which {LOCK} does not name: "
                "ask where it came from, or write the lock anew"
            )


def _sha256(archive_info: Mapping[str, Any]) -> str:
    """Of an installed file by PEP 610; pip before 23.1 has ``hash`` alone, and of what is no file there is none."""
    told = archive_info.get("hashes") or dict([str(archive_info.get("hash", "=")).split("=", 1)])
    return str(told.get("sha256", "unknown"))


def build(path: Path, requirements: Sequence[str], constraints: Path, target: Target, architecture: str) -> bool:
    """Bring the layer up to date; its stamp of inputs lies beside it.

    :param requirements: what to install, as pip and uv take it.
    :returns: whether it had to be built.
    :raises PinError: constraints.txt does not pin all of it.
    :raises InstallError: the installer failed.
    """
    stamp, inputs = path.with_name(f"{path.name}.inputs"), _inputs(requirements, constraints, target, architecture)
    if path.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == inputs:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)  # a command that is killed from here on leaves no stamp beside another's layer
    uv = installer.find_uv() is not None
    with (
        tempfile.TemporaryDirectory(prefix="fanout-layer-") as directory,
        tempfile.TemporaryDirectory(prefix="fanout-pins-") as pins,
    ):
        site, platform = Path(directory), target.arguments(architecture, uv=uv)
        if uv:
            _install(site, requirements, constraints, platform)
        else:
            report = Path(pins) / "report.json"
            _install(site, requirements, _without_hashes(constraints, Path(pins)), [*platform, f"--report={report}"])
            _check_hashes(report, constraints)
        _check_pins(site, constraints)
        archive.write(path, dict(_entries(site)))
    stamp.write_text(inputs, encoding="utf-8")
    return True


def _inputs(requirements: Sequence[str], constraints: Path, target: Target, architecture: str) -> str:
    inputs = [RECIPE, sorted(requirements), constraints.read_text(encoding="utf-8"), target.python, architecture]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest() + "\n"


def _install(site: Path, requirements: Sequence[str], constraints: Path, platform: Sequence[str]) -> None:
    arguments = ["--target", str(site), "--constraint", str(constraints), *platform, *requirements]
    try:
        installer.install(Path(sys.executable), arguments)
    except installer.InstallFailedError as error:
        raise InstallError(
            f"{', '.join(requirements)} cannot be installed as constraints.txt pins them; connect to a package index, "
            f"or correct the pin: {error}"
        ) from error


def _check_pins(site: Path, constraints: Path) -> None:
    pinned = _pins(constraints).keys()
    found = metadata.distributions(path=[str(site)])
    missing = sorted(f"{d.name}=={d.version}" for d in found if _normal(d.name) not in pinned)
    if missing:
        raise PinError(f"constraints.txt has no pin for what a layer holds; add {', '.join(missing)}")


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).strip().lower()


def _entries(site: Path) -> Iterator[tuple[str, bytes]]:
    """Lambda puts ``python/`` of a layer on the import path."""
    for file in site.rglob("*"):
        name = file.relative_to(site)
        if file.is_file() and _wanted(name):
            yield f"python/{name.as_posix()}", file.read_bytes()


def _wanted(name: Path) -> bool:
    if name.parts[0] == "bin" or "__pycache__" in name.parts:
        return False
    if name.parts[0].endswith(".dist-info"):
        return name.name not in _INSTALLER_NOTES
    return not (name.parts[0] == "botocore" and name.name.startswith("examples-"))
