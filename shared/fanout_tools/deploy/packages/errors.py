"""What can go wrong when Lambda packages are built.

PackageError
+-- PinError       a requirement has no pin in constraints.txt
+-- InstallError   pip could not get what a layer needs
"""

from fanout_tools.errors import ToolError

__all__ = ["InstallError", "PackageError", "PinError"]


class PackageError(ToolError):
    """Base of every error this package raises; the text names the thing and the fix."""


class PinError(PackageError):
    """A layer holds a distribution that constraints.txt does not pin: its content could change by itself."""


class InstallError(PackageError):
    """pip could not install a layer's requirements."""
