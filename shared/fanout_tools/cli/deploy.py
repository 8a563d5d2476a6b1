"""``fanout plan``, ``deploy``, ``destroy``, ``release`` and ``drift``: an environment and what Terraform does to it."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from fanout_tools import supervisor
from fanout_tools.canary.run import Result
from fanout_tools.cli import canary, check
from fanout_tools.cli.options import MINISTACK, Emulator, Port, environments, workers
from fanout_tools.deploy import environment, progress
from fanout_tools.deploy.environment import Deployment
from fanout_tools.deploy.stacks import Stacks
from fanout_tools.deploy.terraform import TerraformError
from fanout_tools.plans import stacks
from fanout_tools.project import project

__all__ = [
    "Environment",
    "checked",
    "deploy",
    "destroy",
    "drift",
    "interruptible",
    "plan",
    "prepared",
    "release",
    "terraform",
]

Environment = Annotated[
    str,
    typer.Argument(help="A folder of terraform/environments; local is an emulator.", autocompletion=environments),
]


Workers = Annotated[
    list[str] | None,
    typer.Option(
        "--worker", help="Only the stack of this worker, and what it makes stale; may repeat.", autocompletion=workers
    ),
]


def plan(
    env: Environment = "local", *, worker: Workers = None, emulator: Emulator = MINISTACK, port: Port = None
) -> None:
    """Show what `fanout deploy` would change, by worker.

    Example: fanout plan prod
    """
    with checked(), interruptible("plan"):
        deployment = prepared(env, emulator, port)
        if _by_stacks(deployment, env, worker):
            Stacks(deployment).plan(worker)
        else:
            deployment.run("plan")


def deploy(
    env: Environment = "local",
    *,
    worker: Workers = None,
    emulator: Emulator = MINISTACK,
    port: Port = None,
    canaries: Annotated[bool, typer.Option("--canary/--no-canary", help="Prove that each hop delivers.")] = True,
    hint: Annotated[bool, typer.Option(help="End with what to do next.")] = True,
) -> None:
    """Bring an environment up to date: check, build, apply, shift the workers' traffic to their new versions, and send
    a canary through each hop, as `fanout canary` does; a hop that does not deliver fails the deployment.

    On AWS it shows the plan and asks first, unless AUTO_APPROVE=1. The emulator of `local` is started where none runs.
    An environment of stacks is deployed by platform, workers and edge, or for one worker alone: docs/how-to/deploy.md.

    Example: fanout deploy prod
    """
    began = time.monotonic()
    with checked(), interruptible("deploy"):
        deployment = prepared(env, emulator, port)
        sent = _deployed(deployment, env, worker)
        if canaries and canary.tell(sent(canary.LIMIT_S), title=env):
            raise typer.Exit(1)  # all is deployed, but events would be lost or late
    progress.say("deployed", f"{env}, in {time.monotonic() - began:.0f} s")
    if hint:
        progress.say("next", _next("" if env == "local" else _first_of(deployment, env).namespace()))


def _deployed(deployment: Deployment, env: str, workers: list[str] | None) -> Callable[[float], Sequence[Result]]:
    """Deploy; returns what sends canaries, within so many seconds."""
    if not _by_stacks(deployment, env, workers):
        deployment.deploy()
        return lambda limit_s: deployment.canaries(limit_s=limit_s)
    found = Stacks(deployment)
    found.deploy(workers)
    return lambda limit_s: found.canaries(workers, limit_s=limit_s)


def _by_stacks(deployment: Deployment, env: str, workers: list[str] | None) -> bool:
    """Whether the environment is deployed by stacks.

    :raises TerraformError: it is not, and one worker is to be deployed alone.
    """
    split = stacks.are_used(deployment.root, os.environ)
    if workers and not split:
        raise TerraformError(
            f"{env} is deployed whole, with one state, so that no worker can be deployed alone; `fanout split {env}` "
            "makes stacks of it"
        )
    return split


def _first_of(deployment: Deployment, env: str) -> Deployment:
    """What knows the bus: the whole, or the platform's stack."""
    return deployment.of_stack(stacks.PLATFORM) if _by_stacks(deployment, env, None) else deployment


def destroy(env: Environment = "local", *, emulator: Emulator = MINISTACK, port: Port = None) -> None:
    """Remove all of an environment; what it protects has to be released first.

    Example: fanout destroy local
    """
    with interruptible("destroy"):
        deployment = prepared(env, emulator, port)
        if _by_stacks(deployment, env, None):
            Stacks(deployment).destroy()
        else:
            deployment.run("destroy")


def release(env: Environment = "local", *, emulator: Emulator = MINISTACK, port: Port = None) -> None:
    """Let the next destroy or deploy take away what the environment protects; the next deploy protects it again.

    Example: fanout release prod
    """
    with interruptible("release"):
        deployment = prepared(env, emulator, port)
        found = Stacks(deployment).release() if _by_stacks(deployment, env, None) else deployment.release()
        print("\n".join(found) or "nothing is guarded")


def drift(env: Environment = "local", *, emulator: Emulator = MINISTACK, port: Port = None) -> None:
    """Fail when a second plan of an environment shows more than the known drift.

    Example: fanout drift prod
    """
    with interruptible("drift"):
        deployment = prepared(env, emulator, port)
        found = Stacks(deployment) if _by_stacks(deployment, env, None) else deployment
        known = found.drift(emulator)
        print(f"no drift but {known} known" if known else "no drift")


def terraform(
    env: Environment,
    arguments: Annotated[list[str], typer.Argument(help="The command and its arguments, as Terraform takes them.")],
    *,
    emulator: Emulator = MINISTACK,
    port: Port = None,
) -> None:
    """Run Terraform on an environment, with the state, plugins and endpoints that `fanout deploy` uses.

    Options of Terraform's come after `--`.

    Example: fanout terraform local state list
    """
    with interruptible("terraform"):
        environment.find(env, emulator=emulator, port=port).terraform(*arguments)


def prepared(env: str, emulator: str, port: int | None, *, build: bool = True) -> Deployment:
    """The environment, ready for Terraform.

    :param build: with its packages.
    """
    found = environment.find(env, emulator=emulator, port=port)
    found.prepare(build=build)
    return found


@contextmanager
def checked() -> Iterator[None]:
    """Before anything is started: what `fanout check` refuses is neither planned nor deployed."""
    if check.refused(project().services):
        raise typer.Exit(1)
    yield


@contextmanager
def interruptible(command: str) -> Iterator[None]:
    """Tell of an interruption what it means."""
    try:
        yield
    except (KeyboardInterrupt, supervisor.Interrupted) as interrupted:
        with contextlib.suppress(OSError):  # the terminal may be lost
            print(f"{command}: interrupted; what is done is in the state: the same command continues", file=sys.stderr)
        raise typer.Exit(getattr(interrupted, "exit_code", 130)) from None


def _next(namespace: str) -> str:
    namespace = namespace and f" --namespace {namespace}"
    return f"`fanout publish EVENT --data JSON{namespace}` sends an event, `fanout status{namespace}` shows the queues"
