from types import SimpleNamespace

import pytest
from localstack.services.lambda_ import api_utils
from localstack.services.lambda_.invocation.lambda_models import VersionAlias
from localstack.services.lambda_.provider import LambdaProvider

from fanout_localstack.fixes import lambda_alias_weights


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch):
    """A function with versions 1 and 2 and the alias live on 1, whose alias is updated with the fix installed."""
    monkeypatch.setattr(LambdaProvider, "update_alias", LambdaProvider.update_alias)
    monkeypatch.setattr(
        LambdaProvider,
        "_create_routing_config_model",
        lambda _self, weights, version: SimpleNamespace(version_weights=weights, version=version),
    )
    monkeypatch.setattr(api_utils, "get_account_and_region", lambda *_: ("000000000000", "us-east-1"))
    monkeypatch.setattr(api_utils, "get_function_name", lambda name, _: name)
    monkeypatch.setattr(api_utils, "map_alias_out", lambda alias, function: alias)
    lambda_alias_weights.install()
    alias = VersionAlias(name="live", function_version="1", description="", routing_configuration=None)
    function = SimpleNamespace(aliases={"live": alias}, versions={"1": "first", "2": "second"})
    provider = object.__new__(LambdaProvider)
    provider._get_function = lambda **_: function
    provider.lambda_service = SimpleNamespace(update_alias=lambda **_: None)
    function.update = lambda **given: provider.update_alias(None, "billing", "live", **given)
    return function


def test_a_version_gets_its_share(function):
    answer = function.update(routing_config={"AdditionalVersionWeights": {"2": 0.1}})

    assert answer is function.aliases["live"]
    assert (answer.function_version, answer.routing_configuration.version_weights) == ("1", {"2": 0.1})
    assert answer.routing_configuration.version == "first"  # what the weights are checked against


def test_an_alias_leads_to_one_version_again(function):
    function.update(routing_config={"AdditionalVersionWeights": {"2": 0.1}})

    answer = function.update(function_version="2", routing_config={"AdditionalVersionWeights": {}})

    assert (answer.function_version, answer.routing_configuration) == ("2", None)
