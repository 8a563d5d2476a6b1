"""Parameters and secrets: read once, in few calls, served on for a while when AWS does not answer, and never told."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from fanout.errors import DeclarationError, ParameterError
from fanout.parameters import RETRY_S, STALE_S, TTL_S, Values

ENVIRONMENT = {
    "PARAMETER_DISCOUNT_RATE": "/fanout-test/shop/discount",
    "PARAMETER_VAT": "/common/vat",
    "SECRET_STRIPE": "fanout-test/shop/stripe",
    "FANOUT_WORKER": "billing",
}
VALUE = "value-that-nobody-may-see"


class FakeAws:
    """SSM and Secrets Manager in one; ``error`` is what they answer with, if anything."""

    def __init__(self) -> None:
        self.parameters = {"/fanout-test/shop/discount": VALUE, "/common/vat": "0.19"}
        self.secrets: dict[str, dict[str, Any]] = {"fanout-test/shop/stripe": {"SecretString": VALUE}}
        self.error: Exception | None = None
        self.calls: list[tuple[str, ...]] = []
        self.now = 0.0

    def client(self, service: str) -> "FakeAws":
        return self

    def get_parameters(self, *, Names: Sequence[str], WithDecryption: bool) -> dict[str, Any]:  # noqa: N803
        assert WithDecryption
        assert len(Names) <= 10
        self._call(*Names)
        found = [{"Name": name, "Value": self.parameters[name]} for name in Names if name in self.parameters]
        return {"Parameters": found, "InvalidParameters": [name for name in Names if name not in self.parameters]}

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        self._call(SecretId)
        if SecretId not in self.secrets:
            raise refused("ResourceNotFoundException", "GetSecretValue")
        return self.secrets[SecretId]

    def _call(self, *names: str) -> None:
        self.calls.append(names)
        if self.error is not None:
            raise self.error


def refused(code: str, operation: str = "GetParameters") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"no {VALUE}"}}, operation)


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def values(aws: FakeAws) -> Values:
    return Values(aws.client, ENVIRONMENT, lambda: aws.now)


def test_all_parameters_are_read_in_one_call_and_kept(aws: FakeAws, values: Values) -> None:
    assert values.parameter("discount-rate") == VALUE
    assert values.parameter("vat") == "0.19"
    assert values.parameter("vat") == "0.19"
    assert aws.calls == [("/common/vat", "/fanout-test/shop/discount")]


def test_a_call_asks_for_ten_at_most(aws: FakeAws) -> None:
    environment = {f"PARAMETER_P{number}": f"/p/{number}" for number in range(25)}
    aws.parameters = {name: name for name in environment.values()}
    values = Values(aws.client, environment, lambda: aws.now)

    assert [values.parameter(f"p{number}") for number in range(25)] == [f"/p/{number}" for number in range(25)]
    assert sorted(map(len, aws.calls)) == [5, 10, 10]


def test_a_secret_is_read_once(aws: FakeAws, values: Values) -> None:
    assert [values.secret("stripe"), values.secret("stripe")] == [VALUE, VALUE]
    assert aws.calls == [("fanout-test/shop/stripe",)]


def test_a_value_is_read_again_after_its_time(aws: FakeAws, values: Values) -> None:
    values.parameter("vat")
    aws.parameters["/common/vat"] = "0.21"
    aws.now = TTL_S - 1
    assert values.parameter("vat") == "0.19"
    aws.now = TTL_S
    assert values.parameter("vat") == "0.21"


def test_what_is_forgotten_is_read_again(aws: FakeAws, values: Values) -> None:
    values.secret("stripe")
    aws.secrets["fanout-test/shop/stripe"] = {"SecretString": "rotated"}
    values.forget()
    assert values.secret("stripe") == "rotated"


@pytest.mark.parametrize(
    "error", [refused("InternalServerError"), EndpointConnectionError(endpoint_url="https://ssm")], ids=["aws", "net"]
)
def test_an_old_value_serves_on_while_aws_does_not_answer(
    aws: FakeAws, values: Values, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN a value whose time is over, and an AWS that fails
    values.parameter("vat")
    aws.error, aws.now = error, TTL_S

    # WHEN it is asked for again and again THEN it serves on, AWS is asked once per pause, and the log tells
    with caplog.at_level(logging.WARNING):
        assert [values.parameter("vat") for _ in range(5)] == ["0.19"] * 5
    assert len(aws.calls) == 2
    assert len(caplog.records) == 1
    assert "PARAMETER_VAT: /common/vat cannot be read" in caplog.text

    # AND is read as soon as AWS answers
    aws.error, aws.parameters["/common/vat"] = None, "0.21"
    aws.now += RETRY_S
    assert values.parameter("vat") == "0.21"


def test_an_old_value_does_not_serve_for_ever(aws: FakeAws, values: Values) -> None:
    values.secret("stripe")
    aws.error, aws.now = refused("InternalServiceError"), TTL_S + STALE_S - 1
    assert values.secret("stripe") == VALUE
    aws.now += 2  # within the pause: nobody is asked, and still it is over
    with pytest.raises(ParameterError, match="for too long"):
        values.secret("stripe")
    aws.now += RETRY_S
    with pytest.raises(ParameterError, match="InternalServiceError"):
        values.secret("stripe")


def test_what_is_gone_does_not_serve_on(aws: FakeAws, values: Values) -> None:
    values.parameter("vat")
    values.secret("stripe")
    del aws.parameters["/common/vat"]
    aws.secrets.clear()
    aws.now = TTL_S
    with pytest.raises(ParameterError, match="there is no parameter /common/vat; make it with `aws ssm put-parameter`"):
        values.parameter("vat")
    with pytest.raises(ParameterError, match="there is no secret fanout-test/shop/stripe"):
        values.secret("stripe")


def test_a_parameter_that_is_missing_leaves_the_others(aws: FakeAws, values: Values) -> None:
    del aws.parameters["/common/vat"]
    assert values.parameter("discount-rate") == VALUE
    with pytest.raises(ParameterError, match="PARAMETER_VAT"):
        values.parameter("vat")


def test_a_binary_secret_is_refused(aws: FakeAws, values: Values) -> None:
    aws.secrets["fanout-test/shop/stripe"] = {"SecretBinary": b"\x00"}
    with pytest.raises(ParameterError, match="is binary; store it as text"):
        values.secret("stripe")


@pytest.mark.parametrize("kind", ["parameter", "secret"])
def test_what_the_worker_does_not_name_is_a_wrong_declaration(values: Values, aws: FakeAws, kind: str) -> None:
    with pytest.raises(DeclarationError, match=f"name other under {kind}s in worker.yaml"):
        getattr(values, kind)("other")
    assert not aws.calls


def test_no_value_is_in_any_text(aws: FakeAws, values: Values, caplog: pytest.LogCaptureFixture) -> None:
    # GIVEN values that were read, and an AWS whose error repeats one
    with caplog.at_level(logging.DEBUG):
        values.parameter("discount-rate")
        values.secret("stripe")
        aws.error, aws.now = refused("AccessDeniedException"), TTL_S
        values.parameter("discount-rate")
        aws.now = TTL_S + STALE_S
        with pytest.raises(ParameterError) as caught:
            values.parameter("discount-rate")

    # THEN neither log, error nor representation holds one
    assert VALUE not in f"{caplog.text}{caught.value}{vars(values)!r}"
    assert "AccessDeniedException" in str(caught.value)
