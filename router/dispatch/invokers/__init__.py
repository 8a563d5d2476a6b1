"""Ways to get an execution environment: AWS Lambda, local processes, and a fake one in virtual time."""

from dispatch.invokers.base import PROTOCOL_VERSION, Ending, Invoker, Order, Result

__all__ = ["PROTOCOL_VERSION", "Ending", "Invoker", "Order", "Result"]
