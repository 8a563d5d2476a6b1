"""What an emulator has made and Terraform does not know of.

Where others use the machine an emulator answers late, the provider repeats its call, and is told that the thing is
there already: it is what the first call has made. Most calls may be repeated; those of the types below may not. A
bucket is left out: it may be somebody else's.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

__all__ = ["is_any", "there_already"]

_ACCOUNT: Final = "000000000000"
"""Of every emulator."""
_ERROR: Final = re.compile(
    r"Error: creating (?P<what>[^\n]*?): [^\n]*(?:AlreadyExists|already exists?)[^\n]*\n"
    r"\s+(?P<address>module\.\S+)"
)
_NAME: Final = re.compile(r"\(([^)]+)\)$")

State = Mapping[str, Any]


def is_any(log: str) -> bool:
    """Whether an apply has failed on something for being there."""
    return _ERROR.search(log) is not None


def there_already(log: str, state: State) -> Iterator[tuple[str, str]]:
    """The address and the import id of each thing that an apply has failed on for being there.

    :param log: what Terraform has said.
    :param state: what it knows of.
    """
    for found in _ERROR.finditer(log):
        module, _, resource = found["address"].rpartition(".aws_")
        kind = f"aws_{resource.partition('.')[0]}"
        name = _NAME.search(found["what"])
        if name is not None and kind in _IDS:
            identity = _IDS[kind](name[1], module, state)
            if identity is not None and not _is_known(kind, identity, state):  # as of an earlier apply of the same log
                yield found["address"], identity


def _is_known(kind: str, identity: str, state: State) -> bool:
    instances = (
        it for resource in state.get("resources", ()) if resource["type"] == kind for it in resource["instances"]
    )
    return any(identity in (it["attributes"].get("id"), it["attributes"].get("arn")) for it in instances)


def _by_name(name: str, _module: str, _state: State) -> str:
    return name


def _policy(name: str, _module: str, _state: State) -> str:
    return f"arn:aws:iam::{_ACCOUNT}:policy/{name}"


def _alias(name: str, module: str, state: State) -> str | None:
    """Beside it in the state is its function."""
    for resource in state.get("resources", ()):
        if (resource.get("module"), resource["type"]) == (module, "aws_lambda_function"):
            return f"{resource['instances'][0]['attributes']['function_name']}/{name}"
    return None


_IDS: Final[Mapping[str, Callable[[str, str, State], str | None]]] = {
    "aws_cloudwatch_event_archive": _by_name,
    "aws_cloudwatch_event_bus": _by_name,
    "aws_cloudwatch_log_group": _by_name,
    "aws_dynamodb_table": _by_name,
    "aws_iam_policy": _policy,
    "aws_iam_role": _by_name,
    "aws_kms_alias": _by_name,
    "aws_lambda_alias": _alias,
    "aws_lambda_function": _by_name,
    "aws_scheduler_schedule_group": _by_name,
    "aws_ssm_parameter": _by_name,
}
