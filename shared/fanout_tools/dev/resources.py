"""The tables and buckets that declarations ask for, made where this process's calls go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fanout import aws
from fanout_tools.declarations.worker import Table
from fanout_tools.dev.local import REGION
from fanout_tools.operate.journal import BY_DAY
from fanout_tools.operate.topology import Topology

__all__ = ["make"]


def make(topology: Topology) -> None:
    """All of them that are not there yet."""
    dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
    known = set(dynamodb.list_tables()["TableNames"])
    for name, arguments in _tables(topology):
        if name not in known:
            dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **arguments)
    for address in _identities(topology):
        aws.client("ses").verify_email_identity(EmailAddress=address)
    buckets = {each["Name"] for each in s3.list_buckets()["Buckets"]}
    for name in _buckets(topology):
        if name not in buckets:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def _tables(topology: Topology) -> Iterator[tuple[str, dict[str, Any]]]:
    names = topology.names
    operations = {BY_DAY: ("day", "op")}
    yield names.operations_table, _keys("op", "step", operations)
    if any(it.manifest.outbox for it in topology.workers.values()):
        yield names.outbox_table, _keys("partition", "event_id")
    for place in topology.workers.values():
        if place.records_table and place.manifest.powertools:  # which keeps records of its own there
            yield place.records_table, _keys("id")
        for name, table in place.manifest.tables.items():
            yield names.table(name), _declared(table)


def _declared(table: Table) -> dict[str, Any]:
    indexes = {name: (*keys.split("/"), None)[:2] for name, keys in table.indexes.items()}
    return _keys(table.key, table.sort_key, {name: (str(key), sort) for name, (key, sort) in indexes.items()})


def _keys(key: str, sort: str | None = None, indexes: dict[str, Any] | None = None) -> dict[str, Any]:
    schemas = {name: _schema(*keys) for name, keys in (indexes or {}).items()}
    schema = _schema(key, sort)
    attributes = {each["AttributeName"] for it in (schema, *schemas.values()) for each in it}
    made: dict[str, Any] = {
        "KeySchema": schema,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)],
    }
    if schemas:
        made["GlobalSecondaryIndexes"] = [
            {"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
            for name, keys in schemas.items()
        ]
    return made


def _schema(key: str, sort: str | None) -> list[dict[str, str]]:
    made = [{"AttributeName": key, "KeyType": "HASH"}]
    return made + ([{"AttributeName": sort, "KeyType": "RANGE"}] if sort else [])


def _buckets(topology: Topology) -> Iterator[str]:
    yield topology.names.claims_bucket(topology.account)
    for place in topology.workers.values():
        for name in place.manifest.buckets:
            yield topology.names.bucket(name, topology.account)


def _identities(topology: Topology) -> set[str]:
    """The addresses that workers may send from."""
    permissions = (each for place in topology.workers.values() for each in place.manifest.permissions)
    named = (name.partition("identity:")[2] for each in permissions for name in each.resources)
    return {name for name in named if name}
