"""The client side: HTTP/1.1 and HTTP/2 in, requests to the dispatcher, responses back."""

from dispatch.front.choice import ChoosingProtocol
from dispatch.front.front import Front
from dispatch.front.h2 import Http2Protocol
from dispatch.front.limits import FrontLimits
from dispatch.front.protocol import ClientProtocol
from dispatch.front.routes import Route, RouteTable

__all__ = ["ChoosingProtocol", "ClientProtocol", "Front", "FrontLimits", "Http2Protocol", "Route", "RouteTable"]
