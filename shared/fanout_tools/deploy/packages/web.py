"""A web function's package: what a worker's holds, and the adapter by which it serves through the router."""

from importlib.util import find_spec
from pathlib import Path

from fanout_tools.deploy.packages import requirements as needed
from fanout_tools.deploy.packages import workers
from fanout_tools.project import Project

__all__ = ["entries", "requirements"]


def entries(of: Project, folder: Path) -> dict[str, bytes]:
    """What the package of the web function in ``folder`` holds, by name in the archive."""
    found = find_spec("fanout_router")
    assert found is not None
    assert found.origin is not None
    router = Path(found.origin).parent
    adapter = {f"fanout_router/{name}": content for name, content in workers.files(router)}
    return workers.service(of, folder) | adapter


def requirements(folder: Path) -> list[str]:
    """What the function and the adapter need beside the platform's own dependencies."""
    return [*workers.requirements(folder), *needed.of_fanout("adapter")]
