"""An alias may be given a share of another version.

Wrong in 4.14.0: UpdateAlias with AdditionalVersionWeights ends in an InternalError, because its helper is called
without the version that it checks the weights against. CreateAlias calls the same helper rightly, and invocations keep
to the weights.

Known by: any ``aws lambda update-alias --routing-config AdditionalVersionWeights={2=0.1}`` on a bare LocalStack.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from localstack.aws.api import RequestContext

__all__ = ["install"]


def install() -> None:
    """Let LocalStack update the rest of the alias, and the weights be set by its own helper."""
    from localstack.services.lambda_ import api_utils
    from localstack.services.lambda_.provider import LambdaProvider
    from localstack.utils.patch import patch

    @patch(LambdaProvider.update_alias)
    def update_alias(
        fn: Callable[..., Any],
        self: LambdaProvider,
        context: RequestContext,
        function_name: str,
        name: str,
        function_version: str | None = None,
        description: str | None = None,
        routing_config: dict[str, Any] | None = None,
        revision_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        weights = (routing_config or {}).get("AdditionalVersionWeights")
        kept = None if weights else routing_config
        answer = fn(self, context, function_name, name, function_version, description, kept, revision_id, **kwargs)
        if not weights:
            return answer
        account_id, region = api_utils.get_account_and_region(function_name, context)
        bare_name = api_utils.get_function_name(function_name, context)
        function = self._get_function(function_name=bare_name, region=region, account_id=account_id)
        alias = function.aliases[name]
        version = function.versions[alias.function_version]
        routing = self._create_routing_config_model(weights, version)
        function.aliases[name] = dataclasses.replace(alias, routing_configuration=routing)
        return api_utils.map_alias_out(alias=function.aliases[name], function=function)
