"""The Lambda side of the router: ``handler = serve(app)`` serves an ASGI or WSGI app from execution
environments.
"""

from dispatch.adapter.runtime import Runtime, adapt, load, serve

__all__ = ["Runtime", "adapt", "load", "serve"]
