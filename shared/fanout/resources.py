"""The AWS names of what a worker's ``worker.yaml`` gives it, as Terraform puts them into its environment."""

import os

from fanout.errors import DeclarationError

__all__ = ["bucket", "table"]


def table(name: str) -> str:
    """The DynamoDB table ``name``.

    :raises DeclarationError: the worker has no permission to it.
    """
    return _from_environment("table", name)


def bucket(name: str) -> str:
    """The S3 bucket ``name``.

    :raises DeclarationError: the worker has no permission to it.
    """
    return _from_environment("bucket", name)


def _from_environment(kind: str, name: str) -> str:
    variable = f"{kind}_{name}".upper().replace("-", "_")
    try:
        return os.environ[variable]
    except KeyError:
        raise DeclarationError(
            f"{kind} {name}: {variable} is not set; name {kind}:{name} in the permissions of worker.yaml"
        ) from None
