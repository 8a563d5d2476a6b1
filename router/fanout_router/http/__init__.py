"""The client side: HTTP/1.1 and HTTP/2 in, requests to the dispatcher, responses back."""

from fanout_router.http.choice import ChoosingProtocol
from fanout_router.http.front import Front, FrontLimits, Route, RouteTable
from fanout_router.http.http1 import ClientProtocol
from fanout_router.http.http2 import Http2Protocol

__all__ = ["ChoosingProtocol", "ClientProtocol", "Front", "FrontLimits", "Http2Protocol", "Route", "RouteTable"]
