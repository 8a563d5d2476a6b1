"""One environment: its packages, how Terraform reaches it, and what is done with it.

``local`` is an emulator on this machine, which is started when it is not running; with AWS_ENDPOINT_URL set, whatever
answers there. Any other environment is AWS. There, ``deploy`` and ``destroy`` ask first, unless AUTO_APPROVE=1.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
from botocore.config import Config

from fanout_tools import emulators, supervisor
from fanout_tools.canary import run as canary
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.planning import Declared
from fanout_tools.declarations.naming import Names
from fanout_tools.deploy import adopting, packages, plan_summary, progress, terraform, traffic
from fanout_tools.deploy import drift as check_drift
from fanout_tools.project import project

__all__ = ["Deployment", "approved", "find", "local", "of_functions", "remote", "shift"]

PARALLELISM = "-parallelism=40"
"""The provider waits much and computes little: one apply takes 60 s with it, and minutes with Terraform's 10."""
_INIT = "TF_CLI_ARGS_init"
"""Terraform's own variable: further arguments of ``terraform init``."""

READ_AT_ONCE = 4
"""Stacks whose outputs are read at once."""
CONNECTIONS = 32
"""Of a client at once: canaries ask many workers."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One environment, and how Terraform is to reach it."""

    root: Path
    data_dir: Path
    target: str
    """What its packages are built for."""
    env: dict[str, str] = field(default_factory=dict)
    asks: bool = True
    """Whether a person has to approve changes."""
    backend: tuple[str, ...] = ()
    """What ``terraform init`` is told of the backend."""
    drifts_as: str = "aws"
    """Whose known drift is left out of a plan: an emulator's name, or ``aws``."""
    stack: str | None = None
    """The stack that this is of; None is the whole, or all stacks: see :mod:`fanout_tools.deploy.stacks`."""

    def of_stack(self, name: str) -> "Deployment":
        """One stack of it: a workspace of the same folder."""
        chosen = {"TF_WORKSPACE": name, "TF_VAR_stacks": "true"}
        return replace(self, stack=name, env={**self.env, **chosen})

    def having(self, env: Mapping[str, str]) -> "Deployment":
        """With more variables of Terraform's."""
        return replace(self, env={**self.env, **env})

    @cached_property
    def log(self) -> progress.Log:
        """What Terraform says to the last command."""
        return progress.Log.begin(project().build / "logs" / f"deploy-{self._named(self.data_dir.name)}.log")

    def _named(self, name: str) -> str:
        """A file's name for this stack alone."""
        return name if self.stack is None else f"{name}-{self.stack}"

    def outputs(self) -> Mapping[str, Any]:
        """The values of its outputs; empty before the first apply."""
        return terraform.outputs(self.root, data_dir=self.data_dir, env=self.env)

    def prepare(self, *, build: bool = True) -> None:
        """Build the packages, unless they are not needed, and initialise Terraform."""
        if build:
            made = list(packages.build(project(), self.target, project().build / "packages" / self.target))
            progress.say("packages", f"{len(made)}, of which {sum(package.built for package in made)} were built anew")
        terraform.init(self.root, *self.backend, data_dir=self.data_dir, env=self.env)

    def terraform(self, *args: str) -> None:
        """Run any command of Terraform's; what it says is shown.

        :raises TerraformError: it failed.
        """
        terraform.init(self.root, *self.backend, data_dir=self.data_dir, env=self.env)
        terraform.run(self.root, *args, data_dir=self.data_dir, env=self.env)

    def terraform_quietly(self, *args: str) -> str:
        """Run any command of Terraform's; returns what it prints.

        :raises TerraformError: it failed.
        """
        return terraform.run(self.root, *args, data_dir=self.data_dir, env=self.env, capture=True)

    def run(self, command: str, *args: str) -> None:
        """Plan, apply or destroy; what Terraform says goes to the log.

        :raises TerraformError: it failed, or the changes were not approved.
        """
        if command == "plan":
            self._planned(*args)
        elif self.asks:
            self._run_once_approved(command, *args)
        else:
            self.run_unasked(command, *args)

    def run_unasked(self, command: str, *args: str) -> None:
        """Apply or destroy what nobody has to approve.

        :raises TerraformError: it failed.
        """
        if self.target == "local":
            self._patiently(command, "-json", PARALLELISM, "-auto-approve", *args)
        else:
            self._counted(0, command, "-json", PARALLELISM, "-auto-approve", *args)

    def _patiently(self, *args: str) -> None:
        """On an emulator, once more after a failure: where others use the machine it answers late, the provider repeats
        its call, and that finds what the first has done: a queue that is there already, a dashboard that is not."""
        try:
            self._counted(0, *args)
        except terraform.TerraformCommandError:
            progress.say("again", "what is left of it, for the emulator may have answered late")
            if args[0] == "apply":
                self._adopt()
            self._counted(0, *args)

    def _adopt(self) -> None:
        """Let Terraform know of what its own calls have made; see :mod:`fanout_tools.deploy.adopting`."""
        said = self.log.path.read_text(encoding="utf-8")
        if adopting.is_any(said):
            for address, identity in adopting.there_already(said, self.state()):
                self.terraform_quietly("import", "-input=false", address, identity)

    def _run_once_approved(self, command: str, *args: str) -> None:
        """The question is ours: Terraform has no terminal, so that a Ctrl-C reaches it only once."""
        found = self.plan_to_approve(command, *args)
        try:
            progress.say("plan", "\n".join(plan_summary.lines(found)))
            progress.say("", f"in full: {self.log.path}")
            if not approved():
                raise terraform.TerraformError("not approved: nothing was changed")
            self.run_approved(len({change.address for change in found}))
        finally:
            self.forget_plan()

    @property
    def _to_approve(self) -> Path:
        return self.data_dir.resolve() / self._named("approved.tfplan")

    def plan_to_approve(self, command: str, *args: str) -> list[check_drift.Difference]:
        """Plan what is to be approved, and keep it; returns what would change."""
        return self._found(*(["-destroy"] if command == "destroy" else []), *args, out=self._to_approve)

    def run_approved(self, total: int) -> None:
        """Do what was planned, so many resources."""
        self._counted(total, "apply", "-json", PARALLELISM, str(self._to_approve))

    def forget_plan(self) -> None:
        """Take away what was planned: it holds values of variables."""
        self._to_approve.unlink(missing_ok=True)

    def _planned(self, *args: str) -> None:
        """Plan and show what would change, by worker; the whole plan is in the log."""
        progress.say("plan", "\n".join(plan_summary.lines(self._found(*args))))
        progress.say("", f"in full: {self.log.path}")

    def changes(self) -> list[check_drift.Difference]:
        """What a plan would change, but for the known drift."""
        return self._found()

    def _found(self, *args: str, out: Path | None = None) -> list[check_drift.Difference]:
        plan = out or self.data_dir.resolve() / self._named("shown.tfplan")
        try:
            self._logged("plan", PARALLELISM, f"-out={plan}", *args)
            shown = terraform.run(
                self.root, "show", "-json", str(plan), data_dir=self.data_dir, env=self.env, capture=True
            )
        finally:
            if out is None:
                plan.unlink(missing_ok=True)
        return plan_summary.changes(json.loads(shown), self.drifts_as)

    def _counted(self, total: int, *args: str) -> None:
        # Of stacks beside each other the counts would mean nothing.
        counted = (
            progress.Resources(self.log, total) if self.stack is None else progress.Resources(self.log, tell=_quiet)
        )
        self._logged(*args, on_line=counted)

    def _logged(self, *args: str, on_line: Callable[[str], None] | None = None) -> None:
        """:raises TerraformError: it failed; the end of its log has been shown."""
        try:
            terraform.run(self.root, *args, data_dir=self.data_dir, env=self.env, on_line=on_line or self.log.write)
        except terraform.TerraformCommandError as error:
            self.log.show_end()
            # For a reader of the traceback, such as that of a test's report, who does not see standard error.
            error.add_note("\n".join(self.log.end()))
            raise

    def namespace(self) -> str:
        """The first part of every name, as it was deployed; empty before the first apply."""
        bus = self.outputs().get("bus")
        return _names(bus).namespace if bus else ""

    def deploy(self) -> None:
        """Apply, then shift the workers' traffic to the versions that were published, where that goes by steps.

        :raises TrafficError: an alarm rang: some workers have their old version.
        """
        self.run("apply")
        self.shift()

    def shift(self) -> None:
        """Let the workers' aliases lead to the newest versions; see :func:`shift`.

        :raises TrafficError: some workers have their old version.
        """
        shift([self])

    def remember(self, moved: Sequence[traffic.Worker]) -> None:
        """Tell Terraform's state of the versions that have the events now, so that the next apply leaves them there."""
        addresses = [f'module.platform.module.worker["{it.name}"].terraform_data.live' for it in moved]
        if addresses:
            given = [f"-{option}={address}" for address in addresses for option in ("replace", "target")]
            self._logged("apply", "-json", "-auto-approve", "-refresh=false", *given)

    def canaries(self, *, limit_s: float, workers: Collection[str] | None = None) -> Sequence[canary.Result]:
        """What became of a canary for each pair of event and worker; empty if nothing is deployed.

        :param limit_s: see :func:`fanout_tools.canary.run.run`.
        :param workers: of these alone.
        :raises TerraformError: the environment does not tell its bus.
        """
        outputs = self.outputs()
        if "traffic" not in outputs:
            return []
        if "bus" not in outputs:
            raise terraform.TerraformError(
                f"{self.root}: has no output bus, which canaries are sent to; add "
                'output "bus" { value = module.platform.bus }, or give --no-canary'
            )
        region = outputs["traffic"]["region"]
        deployed = Deployed(_names(outputs["bus"]), cache(lambda service: self.client(service, region)))
        declared = Declared.read(project())
        if workers is not None:
            declared = replace(declared, manifests={name: declared.manifests[name] for name in sorted(workers)})
        return canary.run(deployed, declared, limit_s=limit_s)

    def client(self, service: str, region: str) -> Any:
        """A client of what Terraform speaks to."""
        reached = {**os.environ, **self.env}
        session = boto3.session.Session(
            aws_access_key_id=self.env.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=self.env.get("AWS_SECRET_ACCESS_KEY"),
            region_name=region,
        )
        endpoint = reached.get("AWS_ENDPOINT_URL")
        # Virtual-hosted bucket names do not resolve on an emulator's loopback address.
        config = Config(s3={"addressing_style": "path" if endpoint else "auto"}, max_pool_connections=CONNECTIONS)
        return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]

    def state(self) -> dict[str, Any]:
        """Terraform's state, as it keeps it."""
        found: dict[str, Any] = json.loads(self.terraform_quietly("state", "pull"))
        return found

    def put_state(self, state: Mapping[str, Any]) -> None:
        """Put a state in the place of the one that is there.

        :raises TerraformError: there is a newer one, or another's lock.
        """
        file = self.data_dir.resolve() / self._named("put.tfstate")
        file.write_text(json.dumps(state), encoding="utf-8")
        try:
            self.terraform_quietly("state", "push", str(file))
        finally:
            file.unlink()  # it holds values of variables

    def release(self) -> list[str]:
        """Forget the guards of what is protected, so that the next plan may destroy it.

        :returns: their addresses; the next ``apply`` makes them again.
        """
        listed = self.terraform_quietly("state", "list").splitlines()
        guards = [address for address in listed if ".module.guard." in address]
        if guards:
            self.terraform_quietly("state", "rm", *guards)
        return guards

    def drift(self, emulator: str, *, whole: bool = False) -> int:
        """How many known differences a second plan shows.

        :param whole: see :func:`fanout_tools.deploy.drift.check`.
        :raises DriftError: it shows others.
        """
        plan = f"-out={self.data_dir.resolve() / 'drift.tfplan'}"
        terraform.run(self.root, "plan", PARALLELISM, plan, data_dir=self.data_dir, env=self.env, capture=True)
        shown = ("show", "-json", plan.removeprefix("-out="))
        text = terraform.run(self.root, *shown, data_dir=self.data_dir, env=self.env, capture=True)
        return len(check_drift.check(json.loads(text), emulator, whole=whole))


def shift(deployments: Sequence[Deployment]) -> None:
    """Let the aliases of these stacks' workers lead to the newest versions, by the steps of the environment's
    ``traffic_shift``; without steps Terraform has moved them. Whoever ends this process by Ctrl-C or SIGTERM sets back
    what is under way.

    :raises TrafficError: some workers have their old version.
    """
    outputs = dict[int, Any]()  # of hundreds of stacks, each of which takes a second

    def read(index: int) -> None:
        outputs[index] = deployments[index].outputs().get("traffic")

    supervisor.in_parallel([partial(read, index) for index in range(len(deployments))], at_once=READ_AT_ONCE)
    found = [(it, outputs[index]) for index, it in enumerate(deployments)]
    stepped = [(it, output, traffic.Traffic.read(output)) for it, output in found if output and output["steps"]]
    if not stepped:
        return
    first, output, lately = stepped[0]
    cloudwatch = first.client("cloudwatch", output["region"])
    aliases = traffic.LambdaAliases(first.client("lambda", output["region"]))
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        traffic.Shift(
            strategy=lately.strategy,
            aliases=aliases,
            ringing=lambda names: traffic.ringing_alarms(cloudwatch, names),
            tell=lambda line: print(line, file=sys.stderr),
        ).run([worker for _, _, of_stack in stepped for worker in of_stack.workers])
    finally:
        signal.signal(signal.SIGTERM, before)
        for deployment, _, of_stack in stepped:
            deployment.remember([it for it in of_stack.workers if it.moved(aliases.get(it))])


def _quiet(_phase: str, _text: str) -> None:
    """For what is told elsewhere."""


def approved() -> bool:
    """Whether a person says yes."""
    try:
        return input("Apply this plan? Only 'yes' is taken: ") == "yes"
    except EOFError:
        return False


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def of_functions(emulator: str, endpoints: emulators.Endpoints) -> dict[str, str]:
    """Where functions find the emulator: as we do, but for containers, which LocalStack tells by itself."""
    if emulator == "localstack-docker":
        return {}
    return {"AWS_ENDPOINT_URL": endpoints.url, "AWS_ENDPOINT_URL_DYNAMODB": endpoints.dynamodb_url}


def local(emulator: str, port: int | None) -> Deployment:
    """The environment on an emulator.

    :param port: see :func:`emulators.up`; one that runs already stays where it is.
    :raises EmulatorError: it cannot be started.
    """
    endpoint, data_dir = os.environ.get("AWS_ENDPOINT_URL"), project().build / "terraform" / f"local-{emulator}"
    if endpoint:
        dynamodb = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
        endpoints = emulators.Endpoints(url=endpoint, dynamodb_url=dynamodb)
    else:
        if set(emulators.status(emulator).values()) != {"healthy"}:
            shutil.rmtree(data_dir, ignore_errors=True)  # emulators forget: the state would be of what is gone
        endpoints = emulators.up(emulator, port=port)
        progress.say("emulator", f"{emulator} at {endpoints.url}")
    return Deployment(
        root=project().environments / "local",
        data_dir=data_dir,
        target="local",
        env={**endpoints.environment(), "TF_VAR_function_environment": json.dumps(of_functions(emulator, endpoints))},
        asks=False,
        drifts_as=emulator,
    )


def remote(environment: str) -> Deployment:
    """An environment on AWS, in the region that AWS's own variables and profiles say.

    :raises TerraformError: there is no such environment, or no region.
    """
    root = project().environments / environment
    if not (root / "main.tf").exists():
        known = ", ".join(sorted(path.parent.name for path in root.parent.glob("*/main.tf")))
        raise terraform.TerraformError(f"there is no environment {environment!r}; there is: {known}")
    region = os.environ.get("AWS_REGION") or boto3.session.Session().region_name
    if not region:
        raise terraform.TerraformError("no region is said: set AWS_REGION, or region in the profile of AWS_PROFILE")
    return Deployment(
        root=root,
        data_dir=project().build / "terraform" / f"{environment}-{region}",
        target="aws",
        env={"AWS_REGION": region},
        backend=_state(environment, region),
        asks=os.environ.get("AUTO_APPROVE") != "1",
    )


def _state(environment: str, region: str) -> tuple[str, ...]:
    """The state's key in the bucket, one per region, unless TF_CLI_ARGS_init says one."""
    if "-backend-config=key=" in os.environ.get(_INIT, ""):
        return ()
    return (f"-backend-config=key={project().namespace}/{region}/{environment}.tfstate",)


def find(environment: str, *, emulator: str, port: int | None) -> Deployment:
    """The environment of that name, on AWS or, where it is ``local``, on the emulator.

    :raises EmulatorError: the emulator cannot be started.
    :raises TerraformError: there is no such environment.
    """
    return local(emulator, port) if environment == "local" else remote(environment)


def _names(bus: Mapping[str, Any]) -> Names:
    """As the output ``bus`` tells them; that of an older deployment names no namespace, and its bus is called so."""
    namespace, name = str(bus.get("namespace", bus["name"])), str(bus["name"])
    return Names(namespace, "" if name == namespace else name)
