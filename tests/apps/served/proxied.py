"""A server in another language behind the adapter; PROXIED_PORT and PROXIED_COMMAND say which."""

import os

from fanout_router.adapter.proxy import ProxyApplication

app = ProxyApplication(int(os.environ["PROXIED_PORT"]), os.environ["PROXIED_COMMAND"])
