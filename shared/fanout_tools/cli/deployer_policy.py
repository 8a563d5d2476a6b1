"""``fanout deployer-policy``: what a pipeline's role has to be allowed to deploy an environment, by its plan."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fanout_tools.cli.options import environments
from fanout_tools.cli.plans import PlanFile
from fanout_tools.deploy.access.deployer import Place, policies
from fanout_tools.errors import ToolError
from fanout_tools.plans import Plan
from fanout_tools.plans.file import plan_file, read

__all__ = ["command"]


def command(
    env: Annotated[
        str, typer.Argument(help="A folder of terraform/environments.", autocompletion=environments)
    ] = "prod",
    *,
    account: Annotated[str, typer.Option(help="The account's id, 12 digits.")],
    state_bucket: Annotated[str | None, typer.Option(help="The bucket that Terraform's state is in.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for deployer-1.json and so on, each a managed policy of its own.")
    ] = None,
    plan: PlanFile = None,
) -> None:
    """Print the least that the role which deploys an environment has to be allowed: a list of documents, none larger
    than IAM lets a managed policy be, all for the one role.

    Example: fanout deployer-policy prod --account 111122223333 --state-bucket acme-state --out build/deployer
    """
    if not (len(account) == 12 and account.isdecimal()):
        raise ToolError(f"{account}: is no account's id; write its 12 digits")
    planned = Plan.read(read(plan or plan_file(env)))
    documents = policies(planned, Place.of(planned, account), state_bucket=state_bucket)
    if out is None:
        print(json.dumps(documents, indent=2))
        return
    out.mkdir(parents=True, exist_ok=True)
    for number, document in enumerate(documents, 1):
        file = out / f"deployer-{number}.json"
        file.write_text(f"{json.dumps(document, indent=2)}\n", encoding="utf-8")
        print(file)
