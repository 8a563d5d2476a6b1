"""Whose word on a person is taken: tokens as a load balancer signs them, and as others do."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fanout_tools.console import oidc
from fanout_tools.console.oidc import KeysError, StrangerError, keys_of
from tests.console.balancer import ARN, KEY_ID, NOW, FakeBalancer, encoded

CLAIMS = {"sub": "00u1", "email": "ann@example.org", "groups": ["ops"]}


@pytest.fixture
def balancer() -> FakeBalancer:
    return FakeBalancer()


def test_what_our_load_balancer_has_signed_is_taken(balancer: FakeBalancer) -> None:
    assert balancer.trusted.claims(balancer.token(CLAIMS)) == CLAIMS


def test_padding_is_part_of_what_is_signed(balancer: FakeBalancer) -> None:
    """GIVEN tokens of every length WHEN their parts are padded, as AWS's are, THEN each is taken."""
    for length in range(4):
        claims = {**CLAIMS, "name": "x" * length}
        token = balancer.token(claims)
        assert balancer.trusted.claims(token) == claims
    assert "=" in balancer.token({"a": 1})


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"exp": NOW}, "until"),
        ({"exp": NOW - 3_600}, "until"),
        ({"exp": None}, "until"),
        ({"exp": str(NOW + 60)}, "until"),
        ({"exp": True}, "until"),
        ({"exp": float("nan")}, "until"),
        ({"signer": f"{ARN}0"}, "signer"),
        ({"signer": ARN.replace("123456789012", "210987654321")}, "signer"),
        ({"signer": None}, "signer"),
        ({"iss": "https://other.example.org"}, "iss"),
        ({"client": "other"}, "client"),
        ({"alg": "none"}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"kid": "../../evil"}, "kid"),
        ({"kid": f"{KEY_ID}/../x"}, "kid"),
        ({"kid": None}, "kid"),
    ],
)
def test_the_word_of_others_or_of_another_time_is_not(balancer: FakeBalancer, head: dict[str, Any], said: str) -> None:
    """GIVEN a token that is signed well WHEN it is another load balancer's, another client's, or ended THEN it is
    refused, and no key is asked for."""
    with pytest.raises(StrangerError, match=said):
        balancer.trusted.claims(balancer.token(CLAIMS, head=head))
    assert balancer.asked == []


def test_what_was_changed_on_the_way_is_refused(balancer: FakeBalancer) -> None:
    head, _, signature = balancer.token(CLAIMS).split(".")
    forged = ".".join((head, encoded({**CLAIMS, "groups": ["admins"]}), signature))
    with pytest.raises(StrangerError, match="not signed"):
        balancer.trusted.claims(forged)


def test_another_key_signs_nothing(balancer: FakeBalancer) -> None:
    other = FakeBalancer()
    with pytest.raises(StrangerError, match="not signed"):
        balancer.trusted.claims(other.token(CLAIMS))


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c.d", "e30=.e30=.", "!.!.!", "é.e30.e30", "bnVsbA.bnVsbA.x", "W10.W10.", "x" * 20_000],
)
def test_what_is_no_token_is_refused(balancer: FakeBalancer, token: str) -> None:
    with pytest.raises(StrangerError):
        balancer.trusted.claims(token)
    assert balancer.asked == []


@pytest.mark.parametrize("signature", ["", "e30", "A" * 88, "=" * 8])
def test_a_signature_of_another_size_is_refused(balancer: FakeBalancer, signature: str) -> None:
    head, claims, _ = balancer.token(CLAIMS).split(".")
    with pytest.raises(StrangerError, match=r"signature|signed"):
        balancer.trusted.claims(f"{head}.{claims}.{signature}")


class Published:
    """AWS's page of keys."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.content: bytes | Exception = b""

    def __call__(self, url: str, timeout: float) -> Any:
        self.asked.append(url)
        if isinstance(self.content, Exception):
            raise self.content
        return BytesIO(self.content)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    made = Published()
    monkeypatch.setattr(oidc, "urlopen", made)
    return made


PLACE = "https://public-keys.auth.elb.eu-central-1.amazonaws.com"


def test_a_key_is_asked_for_once(published: Published) -> None:
    key = generate_private_key(SECP256R1()).public_key()
    published.content = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    keys = keys_of(PLACE)
    assert keys(KEY_ID).public_numbers() == keys(KEY_ID).public_numbers() == key.public_numbers()
    assert published.asked == [f"{PLACE}/{KEY_ID}"]


def test_a_key_that_was_not_had_is_asked_for_again(published: Published) -> None:
    """GIVEN AWS's keys out of reach WHEN one is asked for THEN it is not known whether a token is true; later it may
    be."""
    keys = keys_of(PLACE)
    for content in (OSError("no route"), b"", b"not found"):
        published.content = content
        with pytest.raises(KeysError, match=KEY_ID):
            keys(KEY_ID)
    assert len(published.asked) == 3


@pytest.mark.parametrize(
    "key", [generate_private_key(SECP384R1()), rsa.generate_private_key(65_537, 2_048)], ids=["P-384", "RSA"]
)
def test_a_key_of_another_kind_is_none(published: Published, key: Any) -> None:
    published.content = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeysError, match=r"P-256"):
        keys_of(PLACE)(KEY_ID)
