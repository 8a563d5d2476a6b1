"""The AWS names of a worker's stores come from its environment."""

import pytest

from fanout import DeclarationError
from fanout.resources import bucket, table


def test_names_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN the variables that Terraform sets WHEN asked for a store THEN its name is theirs; - is _ in a variable."""
    monkeypatch.setenv("TABLE_STOCK_LEVELS", "fanout-dev-stock-levels")
    monkeypatch.setenv("BUCKET_MEDIA", "fanout-dev-media-1")

    assert table("stock-levels") == "fanout-dev-stock-levels"
    assert bucket("media") == "fanout-dev-media-1"


def test_a_store_that_is_not_permitted_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN no such variable WHEN asked THEN the error says what to add to worker.yaml."""
    monkeypatch.delenv("TABLE_STOCK", raising=False)
    with pytest.raises(DeclarationError, match=r"^table stock: TABLE_STOCK is not set; name table:stock in the perm"):
        table("stock")
