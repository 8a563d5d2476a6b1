"""The environment that emulators run in: as little of the developer's own as they can do with."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["minimal_environment"]

# AWS_* above all must not get through: functions inherit the emulator's environment, and must never find the
# credentials or the endpoints of a real account in it.
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER")


def minimal_environment(run_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every server is started with; temporary files go under ``run_dir``."""
    temporary = run_dir / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    passed_on = {name: environ[name] for name in _PASSED_ON if name in environ}
    return {"PATH": os.defpath, "HOME": tempfile.gettempdir(), **passed_on} | {
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
    }
