"""What ``fanout new`` and ``fanout vendor`` write: projects, events, workers, web functions, and fanout's Terraform.

``modules`` is a link to this repository's; the wheel holds what it leads to.
"""

from fanout_tools.scaffold.errors import ScaffoldError
from fanout_tools.scaffold.event import new_event
from fanout_tools.scaffold.new_project import new_project
from fanout_tools.scaffold.vendor import Vendored, vendor, vendor_diff
from fanout_tools.scaffold.web import new_web
from fanout_tools.scaffold.worker import new_worker

__all__ = [
    "ScaffoldError",
    "Vendored",
    "new_event",
    "new_project",
    "new_web",
    "new_worker",
    "vendor",
    "vendor_diff",
]
