"""Run Terraform the same way everywhere: on a laptop, in CI, and where the public registry cannot be reached.

Terraform needs the AWS provider, which comes from the public registry or from a mirror on disk. Which of
the two is at hand differs between machines, so this package finds out, writes a CLI configuration file that
says it, and runs Terraform with that file, whatever the environment's own ``TF_CLI_CONFIG_FILE`` says.

    from fanout_tools.deploy import terraform

    root = Path("terraform/environments/local")
    terraform.init(root)                                    # state and plugins under build/terraform/local/
    terraform.run(root, "apply", "-auto-approve", env={"AWS_ENDPOINT_URL": endpoint})
    queues = terraform.outputs(root)["queues"]

State never lies in the source tree. ``data_dir`` (default ``build/terraform/<name of the root>``) holds
``data`` (``TF_DATA_DIR``) and ``terraform.tfstate``; two runs of one root beside each other need a
``data_dir`` each. A root says ``backend "local" {}`` to have its state there; a root with another backend,
or none, is initialised as it stands.

Every failure is a :class:`TerraformError`.
"""

from fanout_tools.deploy.terraform.errors import (
    PluginSourceError,
    TerraformCommandError,
    TerraformError,
    TerraformMissingError,
)
from fanout_tools.deploy.terraform.runner import WORKSPACES, default_data_dir, init, outputs, run

__all__ = [
    "WORKSPACES",
    "PluginSourceError",
    "TerraformCommandError",
    "TerraformError",
    "TerraformMissingError",
    "default_data_dir",
    "init",
    "outputs",
    "run",
]
