"""Every option has bounds, and a wrong one is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from fanout_router.config import FunctionSettings, RouterSettings
from fanout_router.errors import ConfigError

SHOP: dict[str, Any] = {"name": "shop", "lambda_function": "shop-web"}


def test_the_environment_configures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_PORT", "9000")
    monkeypatch.setenv("DISPATCH_FUNCTIONS", json.dumps([SHOP, {"name": "api", "app": "m:a", "prefix": "/api"}]))
    settings = RouterSettings.load()
    assert settings.port == 9_000
    assert [function.name for function in settings.functions] == ["shop", "api"]


@pytest.mark.parametrize(
    "name",
    [
        "web",
        "a" * 64,
        "123456789012:web",
        "123456789012:function:web",
        "arn:aws:lambda:eu-west-1:123456789012:function:web",
        "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:web",
    ],
)
def test_function_names_and_arns(name: str) -> None:
    assert FunctionSettings(name="x", lambda_function=name).lambda_function == name


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a" * 65, "12345:web", "arn:aws:s3:::web", "arn:aws:lambda:eu-west-1:1:function:web", "web:live"],
)
def test_what_is_no_function_name(name: str) -> None:
    with pytest.raises(ConfigError, match="lambda_function"):
        RouterSettings.load(functions=[{"name": "x", "lambda_function": name}])


@pytest.mark.parametrize("qualifier", ["$LATEST", "live", "42", ""])
def test_qualifiers(qualifier: str) -> None:
    assert FunctionSettings(name="x", lambda_function="f", lambda_qualifier=qualifier).lambda_qualifier == qualifier


def test_a_bad_qualifier_is_named() -> None:
    with pytest.raises(ConfigError, match=r"DISPATCH_FUNCTIONS\[0\]\[lambda_qualifier\]"):
        RouterSettings.load(functions=[{**SHOP, "lambda_qualifier": "a b"}])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"channels": 0}, "channels"),
        ({"channels": 1_001}, "channels"),
        ({"maximum": 0}, "maximum"),
        ({"minimum": 5, "maximum": 4}, "minimum 5 is above maximum 4"),
        ({"function_timeout_s": 901}, "function_timeout_s"),
        ({"function_timeout_s": 60, "drain_margin_s": 40}, "hardly serve"),
        ({"utilisation": 0}, "utilisation"),
        ({"invoke_rate": 0}, "invoke_rate"),
        ({"invoke_burst": 0}, "invoke_burst"),
        ({"queue_length": -1}, "queue_length"),
        ({"queue_timeout_s": 0}, "queue_timeout_s"),
        ({"response_timeout_s": 0}, "response_timeout_s"),
        ({"open_timeout_s": 0}, "open_timeout_s"),
        ({"name": "Shop"}, "name"),
        ({"prefix": "api"}, "prefix"),
        ({"app": "m:a"}, "either app or lambda_function"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_function_option_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RouterSettings.load(functions=[{**SHOP, **change}])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 65_536}, "DISPATCH_PORT"),
        ({"max_head_bytes": 100}, "DISPATCH_MAX_HEAD_BYTES"),
        ({"max_head_bytes": 300_000}, "DISPATCH_MAX_HEAD_BYTES"),
        ({"head_timeout_s": 0}, "DISPATCH_HEAD_TIMEOUT_S"),
        ({"client_connections": 0}, "DISPATCH_CLIENT_CONNECTIONS"),
        ({"control_host": "0.0.0.0"}, "beyond loopback"),
        ({"control_certificate": Path("x")}, "control_certificate and control_key go together"),
        ({"certificate": Path("x")}, "certificate and key go together"),
        ({"control_certificate_pem": "x"}, "control_key_pem go together"),
        (
            {
                "control_certificate": Path("x"),
                "control_key": Path("x"),
                "control_certificate_pem": "x",
                "control_key_pem": "x",
            },
            "not both",
        ),
        ({"functions": [SHOP, SHOP]}, "same name"),
        ({"functions": [SHOP, {**SHOP, "name": "other"}]}, "same host and prefix"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RouterSettings.load(**given)


def test_functions_that_are_no_json_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_FUNCTIONS", "[{bad")
    with pytest.raises(ConfigError) as error:
        RouterSettings.load()
    assert "\n" not in str(error.value)
    for said in ("DISPATCH_FUNCTIONS", "'[{bad'", "is no JSON", '[{"name"'):
        assert said in str(error.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("10.0.0.0/8", "'10.0.0.0/8' is no JSON"),
        ('["10.0.0.1/8"]', "'10.0.0.1/8' has bits beyond its prefix: write 10.0.0.0/8"),
        ('["10.0.0.0/33"]', "'10.0.0.0/33' is no network"),
        ('["example.com"]', "'example.com' is no network"),
    ],
)
def test_networks_that_are_none_are_named(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_TRUSTED_PROXIES", value)
    with pytest.raises(ConfigError) as error:
        RouterSettings.load()
    assert str(error.value).startswith("DISPATCH_TRUSTED_PROXIES")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("network", ["10.0.0.0/8", "192.0.2.7", "192.0.2.7/32", "2001:db8::/32", "::1"])
def test_networks_and_single_addresses_are_taken(network: str) -> None:
    assert RouterSettings.load(trusted_proxies=[network]).trusted_proxies == [network]


def test_a_variable_that_is_no_option_is_named_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_MAX_BODY", "1")
    with pytest.raises(
        ConfigError, match="DISPATCH_MAX_BODY: there is no such option; did you mean DISPATCH_MAX_BODY_BYTES"
    ):
        RouterSettings.load()


@pytest.mark.parametrize("address", ["foo", "router:8443", "https://", "https://a:99999", "ftp://a:1", "https://a/b"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ConfigError, match=r"DISPATCH_CONTROL_ADDRESS: .* is no address: write https://host:port"):
        RouterSettings.load(control_address=address)


def test_an_address_goes_with_its_certificate() -> None:
    with pytest.raises(ConfigError, match="goes with no control_certificate"):
        RouterSettings.load(control_address="https://router:8443")


@pytest.mark.parametrize(("host", "right"), [("shop.local:8080", "shop.local"), ("[::1]:80", "[::1]")])
def test_a_host_with_a_port_is_refused(host: str, right: str) -> None:
    with pytest.raises(ConfigError) as error:
        RouterSettings.load(functions=[{**SHOP, "host": host}])
    assert f"DISPATCH_FUNCTIONS[0][host]: '{host}': a host is compared without its port: write {right}" in str(
        error.value
    )
    assert RouterSettings.load(functions=[{**SHOP, "host": right}]).functions[0].host == right


def test_no_secret_is_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_CONTROL_KEY_PEM", "s3cret")
    with pytest.raises(ConfigError) as error:
        RouterSettings.load(port=70_000)
    assert "s3cret" not in str(error.value)
    assert "DISPATCH_PORT: 70000: " in str(error.value)


def _bounds() -> list[tuple[str, str, float]]:
    """(where, option, a value just beyond one of its bounds), for every number there is."""
    found = []
    for where, model in (("function", FunctionSettings), ("router", RouterSettings)):
        for name, properties in model.model_json_schema()["properties"].items():
            for shape in [properties, *properties.get("anyOf", [])]:
                beyond = {"minimum": -1e-3, "exclusiveMinimum": 0.0, "maximum": 1e-3}
                whole = shape.get("type") == "integer"
                for bound in sorted(beyond.keys() & shape.keys()):
                    step = beyond[bound] * (1_000 if whole else 1)
                    found.append((where, name, (int if whole else float)(shape[bound] + step)))
    return found


@pytest.mark.parametrize(("where", "name", "value"), _bounds())
def test_every_number_is_refused_beyond_its_bounds(where: str, name: str, value: float) -> None:
    given = {"functions": [{**SHOP, name: value}]} if where == "function" else {"functions": [SHOP], name: value}
    with pytest.raises(ConfigError, match=f"(?i){name}"):
        RouterSettings.load(**given)


def test_every_number_has_bounds() -> None:
    bounded = {name for _, name, _ in _bounds()}
    for model in (FunctionSettings, RouterSettings):
        for name, properties in model.model_json_schema()["properties"].items():
            kinds = {shape.get("type") for shape in [properties, *properties.get("anyOf", [])]}
            assert name in bounded or not kinds & {"integer", "number"}, name
