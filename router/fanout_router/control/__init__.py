"""The control port, on which environments connect and open channels."""

from fanout_router.control.outbox import Outbox
from fanout_router.control.protocol import CHANNEL_PATH, ENVIRONMENT_FIELD, ControlPort, ControlProtocol, Gate

__all__ = ["CHANNEL_PATH", "ENVIRONMENT_FIELD", "ControlPort", "ControlProtocol", "Gate", "Outbox"]
