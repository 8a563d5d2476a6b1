"""A worker reads the parameters and secrets that its worker.yaml names, and no other."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.integration.platform import NAMESPACE, Platform, client, eventually, order


@pytest.fixture
def values(environment: None) -> Iterator[dict[str, str]]:
    """What people put there, beside the deployment: no value is in Terraform's state."""
    made = {name: f"{name}-{uuid4()}" for name in ("greeting", "vat", "other", "key")}
    at = {"greeting": f"/{NAMESPACE}/keeper/greeting", "vat": "/common/vat", "other": f"/{NAMESPACE}/keeper/other"}
    ssm, secrets = client("ssm"), client("secretsmanager")
    for name, path in at.items():
        ssm.put_parameter(Name=path, Value=made[name], Type="SecureString", Overwrite=True)
    secrets.create_secret(Name=f"{NAMESPACE}/keeper/key", SecretString=made["key"])
    yield made
    ssm.delete_parameters(Names=sorted(at.values()))
    secrets.delete_secret(SecretId=f"{NAMESPACE}/keeper/key", ForceDeleteWithoutRecovery=True)


def test_a_worker_without_its_parameters_says_which_it_lacks(platform: Platform) -> None:
    """GIVEN a worker whose secret nobody has put there WHEN an order comes THEN its DLQ has the order, and the cause
    names the secret; no value is known to anybody."""
    ssm = client("ssm")
    ssm.put_parameter(Name=f"/{NAMESPACE}/keeper/greeting", Value="hello", Type="String", Overwrite=True)
    ssm.put_parameter(Name="/common/vat", Value="0", Type="String", Overwrite=True)
    placed = order(f"keeper-{uuid4()}")
    platform.publisher.publish(placed)

    [letter] = eventually(
        lambda: [it for it in platform.dead_letters("keeper") if placed.order_id in it["body"]],
        lambda letters: len(letters) == 1,
        "the order is in the DLQ",
    )
    assert f"SECRET_KEY: there is no secret {NAMESPACE}/keeper/key" in str(letter)


def test_a_worker_reads_what_it_names(platform: Platform, values: dict[str, str]) -> None:
    """GIVEN a parameter of the deployment's, one that deployments share, and a secret WHEN an order comes THEN the
    worker has all three, and its log has none."""
    placed = order(f"keeper-{uuid4()}")
    platform.publisher.publish(placed)

    kept = eventually(lambda: platform.item("kept", order_id=placed.order_id), bool, "the worker has read them")
    assert kept is not None
    assert {name: kept[name] for name in ("greeting", "vat", "key")} == {
        name: values[name] for name in ("greeting", "vat", "key")
    }
    if platform.emulator == "ministack":  # which enforces IAM
        assert kept["other"] == "AccessDeniedException"
