"""What can go wrong while an emulator is started, stopped or emptied.

EmulatorError
+-- InstallError          an emulator's virtual environment cannot be made
|   +-- PythonMissingError  the Python version that an emulator needs is not on this machine
+-- DockerMissingError    an emulator that needs a Docker engine, and there is none
+-- PortTakenError        something else listens on the port
+-- NotHealthyError       a server died while it started, or did not answer in time
+-- StateError            the run directory holds something else than was asked for
"""

from fanout_tools.errors import ToolError

__all__ = [
    "DockerMissingError",
    "EmulatorError",
    "InstallError",
    "NotHealthyError",
    "PortTakenError",
    "PythonMissingError",
    "StateError",
]


class EmulatorError(ToolError):
    """Base of every error this package raises; the text names the thing and the fix."""


class InstallError(EmulatorError):
    """The virtual environment of an emulator, or of the functions it runs, cannot be made."""


class PythonMissingError(InstallError):
    """An emulator needs a Python version that was not found on this machine."""


class DockerMissingError(EmulatorError):
    """There is no Docker engine to run an image with."""


class PortTakenError(EmulatorError):
    """Another process listens on the port that was asked for."""


class NotHealthyError(EmulatorError):
    """A server died while it started, or did not become healthy in time; the text has the end of its log."""


class StateError(EmulatorError):
    """What runs in the run directory is not what the call was about."""
