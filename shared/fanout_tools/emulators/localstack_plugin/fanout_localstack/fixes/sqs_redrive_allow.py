"""An emptied RedriveAllowPolicy is gone.

Wrong in 4.14.0: setting the attribute to an empty string keeps it as an empty string, while AWS removes it.
Terraform empties it when ``aws_sqs_queue_redrive_allow_policy`` is destroyed, and waits in vain until it is
gone.

Known by: ``terraform destroy`` of such a resource, which hangs on a bare LocalStack.
"""

from collections.abc import Callable
from typing import Any

from localstack.aws.api import RequestContext

__all__ = ["install"]


def install() -> None:
    """Remove the attribute after it was emptied."""
    from localstack.services.sqs.provider import SqsProvider
    from localstack.utils.patch import patch

    @patch(SqsProvider.set_queue_attributes)
    def set_queue_attributes(
        fn: Callable[..., None],
        self: SqsProvider,
        context: RequestContext,
        queue_url: str,
        attributes: dict[str, str],
        **kwargs: Any,
    ) -> None:
        fn(self, context, queue_url, attributes, **kwargs)
        if attributes.get("RedriveAllowPolicy") == "":
            self._resolve_queue(context, queue_url=queue_url).attributes.pop("RedriveAllowPolicy", None)
