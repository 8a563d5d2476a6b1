"""An asynchronous invocation goes to the destination of the alias that it came by.

Wrong in 4.14.0: destinations are looked up by the version that the alias leads to, so that those of an alias are never
used. Retries and the age of an event are looked up likewise, and stay the version's.

Known by: ``aws lambda put-function-event-invoke-config --qualifier live`` with an OnFailure destination, and an
invocation of the alias with ``--invocation-type Event`` that fails: the destination gets nothing on a bare LocalStack.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["install"]

QUALIFIED = 8
"""Parts of a function's ARN that has a version or an alias at its end."""


def install() -> None:
    """Let LocalStack look destinations up by the invoked ARN."""
    from localstack.services.lambda_.invocation.event_manager import Poller
    from localstack.utils.patch import patch

    @patch(Poller.process_failure_destination)
    def process_failure_destination(
        fn: Callable[..., Any], self: Poller, invocation: Any, result: Any, config: Any, cause: str
    ) -> None:
        fn(self, invocation, result, _invoked(self, invocation, config), cause)

    @patch(Poller.process_success_destination)
    def process_success_destination(
        fn: Callable[..., Any], self: Poller, invocation: Any, result: Any, config: Any
    ) -> None:
        fn(self, invocation, result, _invoked(self, invocation, config))


def _invoked(poller: Any, invocation: Any, of_version: Any) -> Any:
    """The settings of the version or alias that was invoked; an unqualified ARN has those that were found."""
    parts = invocation.invocation.invoked_arn.split(":")
    return (
        poller.version_manager.function.event_invoke_configs.get(parts[-1]) if len(parts) == QUALIFIED else of_version
    )
