"""A worker reads the parameters and secrets that its worker.yaml names, and no other."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.integration.platform import NAMESPACE, Platform, client, eventually, order

PARAMETERS = {"greeting": f"/{NAMESPACE}/keeper/greeting", "vat": "/common/vat"}
SECRETS = {"key": f"{NAMESPACE}/keeper/key", "other": f"{NAMESPACE}/keeper/other"}


@pytest.fixture(scope="module")
def values(platform: Platform) -> Iterator[dict[str, str]]:
    """What people put there beside the deployment, the secrets left out; no value is in Terraform's state."""
    made = {name: f"{name}-{uuid4()}" for name in (*PARAMETERS, *SECRETS)}
    ssm = client("ssm")
    for name, at in PARAMETERS.items():
        ssm.put_parameter(Name=at, Value=made[name], Type="SecureString", Overwrite=True)
    yield made
    ssm.delete_parameters(Names=sorted(PARAMETERS.values()))


@pytest.fixture
def secrets(values: dict[str, str]) -> Iterator[dict[str, str]]:
    """The secrets too."""
    manager = client("secretsmanager")
    for name, at in SECRETS.items():
        manager.create_secret(Name=at, SecretString=values[name])
    yield values
    for at in SECRETS.values():
        manager.delete_secret(SecretId=at, ForceDeleteWithoutRecovery=True)


# First: a warm environment would know the secret of the other test.
@pytest.mark.usefixtures("values")
def test_a_worker_says_which_secret_it_lacks(platform: Platform) -> None:
    """GIVEN a worker whose secret nobody has put there WHEN an order comes THEN its DLQ has the order, and a cause
    that names the secret."""
    placed = order(f"keeper-{uuid4()}")
    platform.publisher.publish(placed)

    [letter] = eventually(
        lambda: [it for it in platform.dead_letters("keeper") if placed.order_id in it["body"]],
        lambda letters: len(letters) == 1,
        "the order is in the DLQ",
    )
    assert letter["error_type"] == "ParameterError"
    assert f"SECRET_KEY: {SECRETS['key']}" in str(letter) or f"no secret {SECRETS['key']}" in str(letter)


def test_a_worker_reads_what_it_names(platform: Platform, secrets: dict[str, str]) -> None:
    """GIVEN a parameter of the deployment's, one that deployments share, and a secret WHEN an order comes THEN the
    worker has all three, and not the secret that it does not name."""
    placed = order(f"keeper-{uuid4()}")
    platform.publisher.publish(placed)

    kept = eventually(lambda: platform.item("kept", order_id=placed.order_id), bool, "the worker has read them")
    assert kept is not None
    assert [kept[name] for name in ("greeting", "vat", "key")] == [secrets[name] for name in ("greeting", "vat", "key")]
    if platform.emulator == "ministack":  # which enforces IAM
        assert kept["other"] == "AccessDeniedException"
