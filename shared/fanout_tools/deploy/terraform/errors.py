"""What can go wrong around Terraform.

TerraformError
+-- TerraformMissingError   no Terraform, or one that is too old
+-- PluginSourceError       neither the registry nor a mirror has the AWS provider
+-- TerraformCommandError   Terraform ran and failed
"""

from fanout_tools.errors import ToolError

__all__ = ["PluginSourceError", "TerraformCommandError", "TerraformError", "TerraformMissingError"]


class TerraformError(ToolError):
    """Base of every error this package raises; the text names the thing and the fix."""


class TerraformMissingError(TerraformError):
    """No Terraform on PATH, or one older than fanout's modules need."""


class PluginSourceError(TerraformError):
    """The AWS provider can be had neither from the public registry nor from a mirror on disk."""


class TerraformCommandError(TerraformError):
    """Terraform itself failed.

    :ivar exit_code: Terraform's exit code.
    :ivar stderr: what it wrote to standard error; empty when that was not captured but shown.
    """

    def __init__(self, command: str, exit_code: int, stderr: str) -> None:
        super().__init__(f"`{command}` failed with exit code {exit_code}" + (f":\n{stderr}" if stderr else ""))
        self.exit_code = exit_code
        self.stderr = stderr
