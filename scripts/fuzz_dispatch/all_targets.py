"""Every target, in the order in which a campaign takes them."""

from scripts.fuzz_dispatch.front_bytes import Front
from scripts.fuzz_dispatch.front_h2 import FrontHttp2
from scripts.fuzz_dispatch.messages import RouterChannel, Slot
from scripts.fuzz_dispatch.targets import Target
from scripts.fuzz_dispatch.wire_bytes import WireClient, WireServer

__all__ = ["TARGETS"]

TARGETS: list[Target] = [WireServer(), WireClient(), Front(), Front(early=True), FrontHttp2(), RouterChannel(), Slot()]
