"""The Lambda side of the router: ``handler = serve(app)`` serves an ASGI or WSGI app from execution
environments.
"""

from dispatch.adapter.compress import Compress
from dispatch.adapter.proxy import ProxyApplication
from dispatch.adapter.runtime import Runtime, adapt, load, serve

__all__ = ["Compress", "ProxyApplication", "Runtime", "adapt", "load", "serve"]
