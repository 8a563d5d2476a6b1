"""Find a Terraform that is new enough, before anything depends on it."""

import json
import shutil
import subprocess
from functools import cache
from typing import Final

from fanout_tools.deploy.terraform.errors import TerraformMissingError

__all__ = ["MINIMUM_VERSION", "find_terraform", "version"]

#: Write-only arguments and ``terraform test`` with mock providers are used by the modules.
MINIMUM_VERSION: Final = (1, 11)


def find_terraform() -> str:
    """The path of the Terraform on PATH.

    :raises TerraformMissingError: there is none, or it is older than :data:`MINIMUM_VERSION`.
    """
    wanted = ".".join(map(str, MINIMUM_VERSION))
    path = shutil.which("terraform")
    if path is None:
        raise TerraformMissingError(f"terraform is not on PATH: install Terraform {wanted} or later")
    version = _version_of(path)
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < MINIMUM_VERSION:
        raise TerraformMissingError(f"{path} is Terraform {version}: fanout needs {wanted} or later, upgrade it")
    return path


def version() -> str:
    """Of the Terraform on PATH.

    :raises TerraformMissingError: there is none, or it is older than :data:`MINIMUM_VERSION`.
    """
    return _version_of(find_terraform())


@cache
def _version_of(path: str) -> str:
    # A TF_CLI_CONFIG_FILE that points nowhere makes Terraform warn, but on standard error only.
    command = [path, "version", "-json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return str(json.loads(answer.stdout)["terraform_version"])
    except (ValueError, KeyError) as error:
        said = (answer.stderr or answer.stdout).strip()
        raise TerraformMissingError(
            f"{path} does not tell its version; reinstall Terraform. It said: {said}"
        ) from error
