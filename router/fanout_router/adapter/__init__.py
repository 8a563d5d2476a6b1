"""The Lambda side of the router: ``handler = serve(app)`` serves an ASGI or WSGI app from execution
environments.
"""

from fanout_router.adapter.compress import Compress
from fanout_router.adapter.proxy import ProxyApplication
from fanout_router.adapter.runtime import Runtime, ServedApp, adapt, load, serve

__all__ = ["Compress", "ProxyApplication", "Runtime", "ServedApp", "adapt", "load", "serve"]
