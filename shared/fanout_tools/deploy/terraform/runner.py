"""Run Terraform commands with plugins, state and working files where they belong."""

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from fanout_tools import supervisor
from fanout_tools.deploy.terraform.binary import find_terraform
from fanout_tools.deploy.terraform.errors import TerraformCommandError
from fanout_tools.deploy.terraform.plugins import choose_source
from fanout_tools.installer import locked
from fanout_tools.project import project

__all__ = ["WORKSPACES", "default_data_dir", "init", "outputs", "run"]

#: After a signal Terraform ends what is under way, which may take a resource's whole creation, and saves its state.
GRACE_SECONDS: Final = 1800.0
#: Commands that take the state's lock: one that lives on after its caller was killed is waited for.
_LOCKING: Final = ("plan", "apply", "destroy", "refresh", "import")
_LOCK_TIMEOUT: Final = "-lock-timeout=300s"
WORKSPACES: Final = "stacks"
"""The folder, in a root's working files, with the local states of its workspaces: STACK/terraform.tfstate."""
_LOCAL_BACKEND: Final = re.compile(r'^\s*backend\s+"local"', re.MULTILINE)


def default_data_dir(root_dir: Path) -> Path:
    """Where the state and Terraform's working files of a root are kept unless the caller says otherwise."""
    return _work() / root_dir.resolve().name


def init(root_dir: Path, *args: str, data_dir: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """``terraform init`` for ``root_dir``; takes a few seconds when the provider is at hand.

    :param args: further arguments of ``terraform init``.
    :param data_dir: where state and working files go; see :func:`default_data_dir`.
    :param env: variables over those of this process.
    :raises TerraformError: no Terraform, no provider, or ``terraform init`` failed.
    """
    data_dir = data_dir or default_data_dir(root_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    _configure_plugins(env or {})
    backend = []
    if _has_local_backend(root_dir):
        at = data_dir.resolve()
        places = {"path": at / "terraform.tfstate", "workspace_dir": at / WORKSPACES}
        backend = [*(f"-backend-config={key}={place}" for key, place in places.items()), "-reconfigure"]
    # Terraform's plugin cache stands no two that fill it at once.
    with locked(_work() / "init.lock"):
        run(root_dir, "init", "-input=false", *backend, *args, data_dir=data_dir, env=env, capture=True)


def run(
    root_dir: Path,
    *args: str,
    data_dir: Path | None = None,
    env: Mapping[str, str] | None = None,
    capture: bool = False,
    on_line: Callable[[str], None] | None = None,
    log: Path | None = None,
) -> str:
    """``terraform ARGS`` in ``root_dir``, which :func:`init` has prepared with the same ``data_dir``.

    :param args: the command and its arguments, as Terraform takes them.
    :param data_dir: where state and working files are; see :func:`default_data_dir`.
    :param env: variables over those of this process, such as ``AWS_ENDPOINT_URL`` or ``TF_VAR_...``.
    :param capture: keep the output for the caller instead of showing it.
    :param on_line: called with each line that is not captured; they are printed unless a ``log`` takes them.
    :param log: lines that are not captured are appended to it.
    :returns: standard output when captured, else an empty string.
    :raises TerraformMissingError: there is no usable Terraform.
    :raises TerraformCommandError: Terraform ended with an exit code other than 0.
    :raises fanout_tools.supervisor.Interrupted: this process was told to end; Terraform has ended in order.
    """
    command = [find_terraform(), f"-chdir={root_dir.resolve()}", *args]
    environment = _environment(data_dir or default_data_dir(root_dir), env or {})
    if capture or log is not None or not sys.stdout.isatty():
        environment["TF_CLI_ARGS"] = f"{environment.get('TF_CLI_ARGS', '')} -no-color".strip()
    if capture:
        on_line, log = _Lines(), None
    elif log is None and on_line is None:
        on_line = _show
    with tempfile.TemporaryFile() as answer:
        code = supervisor.run(
            command,
            env=environment,
            on_line=on_line,
            log=log,
            grace_s=GRACE_SECONDS,
            stdout=cast("BinaryIO", answer) if capture else None,
        )
        answer.seek(0)
        text = answer.read().decode()
    if code != 0:
        shown = " ".join(["terraform", *args])
        raise TerraformCommandError(shown, code, str(on_line) if isinstance(on_line, _Lines) else "")
    return text


class _Lines:
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, line: str) -> None:
        self._lines.append(line)

    def __str__(self) -> str:
        return "\n".join(self._lines).strip()


def _show(line: str) -> None:
    print(line, flush=True)


def outputs(root_dir: Path, *, data_dir: Path | None = None, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The values of the root's outputs, by name; empty before the first apply.

    :raises TerraformError: see :func:`run`.
    """
    answer = json.loads(run(root_dir, "output", "-json", data_dir=data_dir, env=env, capture=True))
    return {name: output["value"] for name, output in answer.items()}


def _configure_plugins(env: Mapping[str, str]) -> None:
    source = choose_source({**os.environ, **env})
    cache = _work() / "plugin-cache"
    cache.mkdir(parents=True, exist_ok=True)
    print(f"terraform: provider plugins from {source}", file=sys.stderr)
    _replace(_cli_configuration(), source.cli_configuration(cache))


def _cli_configuration() -> Path:
    return _work() / "cli.tfrc"


def _replace(path: Path, text: str) -> None:
    """Write ``text`` at once: another Terraform may be reading the file."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _environment(data_dir: Path, env: Mapping[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        **env,
        "TF_CLI_CONFIG_FILE": str(_cli_configuration()),
        "TF_DATA_DIR": str(data_dir.resolve() / "data"),
        "TF_INPUT": "0",
        "TF_IN_AUTOMATION": "1",
        **{f"TF_CLI_ARGS_{name}": _with_lock_timeout(name) for name in _LOCKING},
        "CHECKPOINT_DISABLE": "1",
        # A third less CPU time for some more memory: the AWS provider's schema is most of what Go's collector visits.
        "GOGC": os.environ.get("GOGC", "400"),
    }


def _with_lock_timeout(command: str) -> str:
    return f"{os.environ.get(f'TF_CLI_ARGS_{command}', '')} {_LOCK_TIMEOUT}".strip()


def _has_local_backend(root_dir: Path) -> bool:
    return any(_LOCAL_BACKEND.search(file.read_text(encoding="utf-8")) for file in root_dir.glob("*.tf"))


def _work() -> Path:
    """Where Terraform keeps what is neither source nor state."""
    return project().build / "terraform"
