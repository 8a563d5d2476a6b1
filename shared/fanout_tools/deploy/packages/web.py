"""A web function's package: what a worker's holds, and the adapter by which it serves through the router."""

import tomllib
from pathlib import Path

from fanout_tools.deploy.packages import workers

__all__ = ["entries", "requirements"]


def entries(repository: Path, folder: Path) -> dict[str, bytes]:
    """What the package of the web function in ``folder`` holds, by name in the archive."""
    adapter = {
        f"fanout_router/{name}": content for name, content in workers.files(repository / "router" / "fanout_router")
    }
    return workers.service(repository, folder) | adapter


def requirements(repository: Path, folder: Path) -> list[str]:
    """What the function and the adapter need beside the platform's own dependencies."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*workers.requirements(folder), *project["optional-dependencies"]["adapter"]]
