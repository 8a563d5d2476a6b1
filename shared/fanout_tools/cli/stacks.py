"""``fanout split``, ``remove`` and ``rollback``: an environment by stacks, and what is done to one worker of it."""

import os
from typing import Annotated

import typer

from fanout_tools.cli.deploy import Environment, checked, interruptible, prepared
from fanout_tools.cli.options import MINISTACK, Emulator, Port, environments, workers
from fanout_tools.deploy import progress, rollback, splitting
from fanout_tools.deploy.removing import Removal
from fanout_tools.deploy.stacks import Stacks
from fanout_tools.deploy.terraform import TerraformError
from fanout_tools.plans.stacks import are_used

__all__ = ["remove", "roll_back", "split"]

OfEnvironment = Annotated[
    str,
    typer.Option(
        "--env", help="A folder of terraform/environments; local is an emulator.", autocompletion=environments
    ),
]


def split(env: Environment, *, emulator: Emulator = MINISTACK, port: Port = None) -> None:
    """Make stacks of an environment that is deployed whole: a state for the platform, for each worker and for the edge.

    Nothing in AWS is touched; it is refused unless every stack's plan then has nothing to do.

    Example: fanout split prod
    """
    with checked(), interruptible("split"):
        deployment = prepared(env, emulator, port)
        if are_used(deployment.root, os.environ):
            raise TerraformError(f"{env} is deployed by stacks already")
        splitting.split(deployment)


def remove(
    gone: Annotated[str, typer.Argument(metavar="WORKER", help="A worker whose folder is gone.")],
    *,
    env: OfEnvironment = "local",
    with_data: Annotated[bool, typer.Option("--with-data", help="Destroy its tables and buckets, too.")] = False,
    limit_s: Annotated[int, typer.Option("--limit", min=1, help="Seconds in which its queue has to be empty.")] = 900,
    emulator: Emulator = MINISTACK,
    port: Port = None,
) -> None:
    """Take a worker away that is no longer declared: lead nothing new to it, let it handle what waits, and destroy its
    stack. Refused while its DLQ holds anything.

    Example: fanout remove billing --env prod
    """
    with checked(), interruptible("remove"):
        deployment = prepared(env, emulator, port)
        if not are_used(deployment.root, os.environ):
            raise TerraformError(
                f"{env} is deployed whole; `fanout deploy {env}` removes what is not declared, or `fanout split {env}` "
                "makes stacks of it"
            )
        Removal(stacks=Stacks(deployment), worker=gone, with_data=with_data, limit_s=limit_s).run()


def roll_back(
    worker: Annotated[str, typer.Argument(help="A worker.", autocompletion=workers)],
    *,
    env: OfEnvironment = "local",
    emulator: Emulator = MINISTACK,
    port: Port = None,
) -> None:
    """Give all of a worker's events to the version before the one that has them; no code is built, no plan is made.

    Example: fanout rollback billing --env prod
    """
    with interruptible("rollback"):
        deployment = prepared(env, emulator, port, build=False)
        if are_used(deployment.root, os.environ):
            deployment = deployment.of_stack(worker)
        before, now = rollback.roll_back(deployment, worker)
    progress.say("rolled back", f"{worker}: version {now} gets all, in place of version {before}")
    progress.say(
        "", f"there they stay until `fanout deploy {env}` publishes new code, or shifts by steps to the newest"
    )
