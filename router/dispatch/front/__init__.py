"""The client side: HTTP/1.1 in, requests to the dispatcher, responses back."""

from dispatch.front.front import Front
from dispatch.front.limits import FrontLimits
from dispatch.front.protocol import ClientProtocol
from dispatch.front.routes import Route, RouteTable

__all__ = ["ClientProtocol", "Front", "FrontLimits", "Route", "RouteTable"]
