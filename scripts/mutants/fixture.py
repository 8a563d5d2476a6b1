"""Make the plans that the rules are tested on, from the root beside them: tests/unit/fanout_tools/proof/fixture.

    python -m scripts.mutants.fixture

Run it when the modules change. What no rule reads is left out, so that the file changes with what matters.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fanout.errors import FanoutError
from fanout_tools.errors import ToolError
from fanout_tools.plans import resources
from fanout_tools.proof.planning import plan_root
from scripts.paths import BUILD, REPOSITORY

__all__ = ["FIXTURE", "PLANS", "slim"]

FIXTURE: Final = REPOSITORY / "tests" / "unit" / "fanout_tools" / "proof" / "fixture"
"""``root``: the Terraform; ``services``: its workers; then its plans, by how the bus is granted, or which bus it is."""
PLANS: Final = {
    "service": FIXTURE / "plan.json",
    "role": FIXTURE / "plan_role.json",
    "shared bus": FIXTURE / "plan_shared_bus.json",
    "default bus": FIXTURE / "plan_default_bus.json",
}
_VARIABLES: Final = {
    "service": {"bus_grants": "service"},
    "role": {"bus_grants": "role"},
    "shared bus": {"event_bus_name": "shared"},
    "default bus": {"event_bus_name": "default"},
}

_LEFT_OUT: Final = (
    "aws_s3_object",
    "aws_lambda_layer_version",
)
_UNREAD: Final = ("tags", "tags_all", "description", "source_code_hash", "s3_key", "alarm_description")


def slim(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The plan's values alone, without what no rule reads and what is not set."""
    kept = [
        {
            "address": it["address"],
            "mode": it["mode"],
            "type": it["type"],
            "values": {
                k: v for k, v in sorted(it["values"].items()) if k not in _UNREAD and v not in (None, [], {}, "")
            },
        }
        for it in resources(shown["planned_values"]["root_module"])
        if it["type"] not in _LEFT_OUT
    ]
    ordered = sorted(kept, key=lambda it: str(it["address"]))
    return {"format_version": shown["format_version"], "planned_values": {"root_module": {"resources": ordered}}}


def main(plans: Mapping[str, Path] = PLANS) -> int:
    """Write the plans; returns the exit code."""
    for name, file in plans.items():
        root, work = file.parent / "root", BUILD / "check_plan" / "fixture"
        try:
            shown = plan_root(root, services=file.parent / "services", work=work, variables=_VARIABLES[name])
        except (FanoutError, ToolError) as error:
            print(f"fixture: {error}", file=sys.stderr)
            return 1
        file.write_text(json.dumps(slim(shown), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
