"""Ways to get an execution environment: AWS Lambda, local processes, and a fake one in virtual time."""

from fanout_router.invokers.base import PROTOCOL_VERSION, Ending, InvocationRequest, Invoker, Result

__all__ = ["PROTOCOL_VERSION", "Ending", "InvocationRequest", "Invoker", "Result"]
