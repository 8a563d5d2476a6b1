"""Every target, in the order in which a campaign takes them."""

from scripts.fuzz.front_bytes import Front
from scripts.fuzz.front_h2 import FrontHttp2
from scripts.fuzz.messages import AdapterMessages, RouterChannel
from scripts.fuzz.targets import Target
from scripts.fuzz.wire_bytes import WireClient, WireServer

__all__ = ["TARGETS"]

TARGETS: list[Target] = [
    WireServer(),
    WireClient(),
    Front(),
    Front(early=True),
    FrontHttp2(),
    RouterChannel(),
    AdapterMessages(),
]
