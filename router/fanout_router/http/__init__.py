"""The client side: HTTP/1.1 and HTTP/2 in, requests to the dispatcher, responses back."""

from fanout_router.http.choice import ChoosingProtocol
from fanout_router.http.front import Front
from fanout_router.http.h2 import Http2Protocol
from fanout_router.http.limits import FrontLimits
from fanout_router.http.protocol import ClientProtocol
from fanout_router.http.routes import Route, RouteTable

__all__ = ["ChoosingProtocol", "ClientProtocol", "Front", "FrontLimits", "Http2Protocol", "Route", "RouteTable"]
