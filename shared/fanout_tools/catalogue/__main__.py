"""Draw an environment from its plan, and write its catalogue: `make diagram ENV=local`.

python -m fanout_tools.catalogue local                      # build/diagram/local/
python -m fanout_tools.catalogue prod --plan plan.json      # what `terraform show -json PLANFILE` printed
python -m fanout_tools.catalogue local --keep               # keeps the topology in docs/reference/topology.json, too
python -m fanout_tools.catalogue --docs                     # docs/ once more, from what is kept there; needs no plan
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fanout.errors import FanoutError
from fanout_tools.catalogue.build import topology
from fanout_tools.catalogue.catalogue import declarations
from fanout_tools.catalogue.documents import DOCS, NAMES, documents, kept
from fanout_tools.catalogue.topology import Topology
from fanout_tools.errors import ToolError
from fanout_tools.plans import Plan
from fanout_tools.plans.file import plan_file
from fanout_tools.project import project

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files; returns the exit code."""
    parser = _arguments()
    given = parser.parse_args(argv)
    if not given.docs and given.environment is None:
        parser.error("name an environment, or write --docs")
    try:
        if not given.docs:
            drawn = _of_plan(given.environment, given.plan)
            _write(drawn, project().build / "diagram" / given.environment, NAMES)
            if given.keep:
                kept().write_text(drawn.to_json(), encoding="utf-8")
        if given.docs or given.keep:
            _write(Topology.from_json(kept().read_text(encoding="utf-8")), kept().parent, DOCS)
    except (FanoutError, ToolError, OSError, ValueError) as error:
        print(f"diagram: {error}", file=sys.stderr)
        return 1
    return 0


def _of_plan(environment: str, plan: Path | None) -> Topology:
    shown = json.loads((plan or plan_file(environment)).read_text(encoding="utf-8"))
    declared = declarations(project().services, project().schemas)
    events = [it.contract.identifier for it in declared.contracts]
    web = {name: it.publishes for name, it in declared.web.items()}
    return topology(Plan.read(shown), declared.manifests, events, web)


def _write(drawn: Topology, folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents(
        drawn, declarations(project().services, project().schemas), folder, project().schemas
    ).items():
        if name in names:
            (folder / name).write_text(text, encoding="utf-8")
            print(folder / name)


def _arguments() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m fanout_tools.catalogue", description=__doc__, formatter_class=formatter
    )
    parser.add_argument("environment", nargs="?", help="a folder of terraform/environments")
    parser.add_argument("--plan", type=Path, help="a plan in JSON, instead of planning the environment from nothing")
    parser.add_argument("--keep", action="store_true", help="keep the topology in docs/, and write docs/ from it")
    parser.add_argument("--docs", action="store_true", help="write docs/ from the topology that is kept there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
