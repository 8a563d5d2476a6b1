"""The formulas of web functions: those that run by the request, and those that a router keeps running."""

from collections.abc import Iterator
from math import ceil
from typing import Final

from fanout_tools.cost.inventory import Inventory
from fanout_tools.cost.mix import Mix
from fanout_tools.cost.prices import DAYS, GB, HOURS, MONTH_S, Line, Prices, line

__all__ = ["routed", "served"]

METERED_KIB: Final = 512
"""Of an HTTP API's request or answer, each as one request: https://aws.amazon.com/api-gateway/pricing/"""


def served(inventory: Inventory, mix: Mix, prices: Prices) -> Iterator[Line]:
    """Of functions that no router stands before. A function URL has no price of its own."""
    asked, months = mix.web.requests, inventory.fixed.log_retention_days / DAYS or 1.0
    for it in inventory.fixed.web:
        if it.via == "router":
            continue
        if it.via == "http_api":
            metered = max(1, ceil(mix.web.request_kib / METERED_KIB))
            yield line(prices, "apigateway.http_request", f"{it.name}: HTTP API", asked * metered)
        yield line(prices, "lambda.request", f"{it.name}: invocations", asked)
        seconds = asked * mix.web.request_ms / 1000 * it.memory_mb / 1024
        yield line(prices, f"lambda.{it.architecture}_gb_s", f"{it.name}: compute", seconds)
        written = asked * mix.web.request_log_bytes / GB
        yield line(prices, "cloudwatch.logs_gb", f"{it.name}: logs written", written)
        yield line(prices, "cloudwatch.logs_gb_month", f"{it.name}: logs kept", written * months)


def routed(inventory: Inventory, mix: Mix, prices: Prices) -> Iterator[Line]:
    """A router: its machines, its load balancer, its network, and the environments that it keeps running."""
    for task in inventory.fixed.tasks:
        hours, platform = task.tasks * HOURS, f"fargate.{task.architecture}"
        yield line(prices, f"{platform}_vcpu_h", f"{task.name}: processors", hours * task.vcpu)
        yield line(prices, f"{platform}_gb_h", f"{task.name}: memory", hours * task.gb)
    for function in inventory.fixed.web:
        if function.via == "router":
            seconds = mix.web.environments * MONTH_S * function.memory_mb / 1024
            yield line(prices, f"lambda.{function.architecture}_gb_s", f"{function.name}: environments", seconds)
    yield line(prices, "elb.hour", "load balancers", inventory.fixed.balancers * HOURS)
    yield line(prices, "elb.lcu_h", "load balancers' work", inventory.fixed.balancers * mix.web.lcu * HOURS)
    yield line(prices, "vpc.nat_h", "NAT gateways", inventory.fixed.nat_gateways * HOURS)
    yield line(prices, "vpc.address_h", "public addresses", inventory.fixed.addresses * HOURS)
    yield line(prices, "vpc.endpoint_h", "interface endpoints", inventory.fixed.endpoints * HOURS)
