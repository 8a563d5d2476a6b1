"""The control port, on which environments connect and open channels."""

from dispatch.control.outbox import Outbox
from dispatch.control.protocol import CHANNEL_PATH, ENVIRONMENT_FIELD, ControlPort, ControlProtocol, Gate

__all__ = ["CHANNEL_PATH", "ENVIRONMENT_FIELD", "ControlPort", "ControlProtocol", "Gate", "Outbox"]
