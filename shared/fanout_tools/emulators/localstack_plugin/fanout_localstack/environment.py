"""The environment variables of a function process: what AWS sets, with this machine's paths.

See "Using Lambda environment variables" and "Working with layers" in the AWS Lambda developer guide.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["function_environment"]


def function_environment(
    given: Mapping[str, str],
    *,
    own: Mapping[str, str],
    runtime: str,
    code: Path,
    layers: Sequence[Path],
    scratch: Path,
    dynamodb_url: str | None,
) -> dict[str, str]:
    """The whole environment of a function's process.

    :param given: what LocalStack would set in a container, the function's own variables included.
    :param own: the function's own variables.
    :param runtime: the function's runtime identifier, ``python3.x``.
    :param code: its unpacked code.
    :param layers: its unpacked layers, in the order in which the function names them.
    :param scratch: a directory that only this execution environment writes to.
    :param dynamodb_url: where DynamoDB is, when that is not where the other services are.
    """
    # What only LocalStack's own init program in a container needs would tell the function that it is not on
    # AWS.
    given = {name: value for name, value in given.items() if not _is_internal(name) or name in own}
    # Layers are unpacked over each other on AWS, the last one on top.
    merged = list(reversed(layers))
    computed = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "LAMBDA_TASK_ROOT": str(code),
        "PATH": _joined([*(layer / "bin" for layer in merged), Path(os.environ.get("PATH", os.defpath))]),
        "LD_LIBRARY_PATH": _joined([code, code / "lib", *(layer / "lib" for layer in merged)]),
        "PYTHONPATH": _joined([code, *_python_paths(merged, runtime)], own.get("PYTHONPATH")),
        # A crash must not take the last lines of output with it.
        "PYTHONUNBUFFERED": "1",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
    }
    defaults = {"LANG": "en_US.UTF-8"}
    if dynamodb_url:
        defaults["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_url
    return {**defaults, **given, **computed}


def _is_internal(name: str) -> bool:
    return name.startswith("LOCALSTACK_") or name in ("EDGE_PORT", "AWS_LAMBDA_FUNCTION_TIMEOUT")


def _python_paths(layers: Sequence[Path], runtime: str) -> list[Path]:
    # /opt/python/lib/python3.x/site-packages stands before /opt/python in sys.path of AWS's Python runtimes.
    inner = [layer / "python" / "lib" / runtime / "site-packages" for layer in layers]
    return [*inner, *(layer / "python" for layer in layers)]


def _joined(paths: Sequence[Path], last: str | None = None) -> str:
    return os.pathsep.join([*map(str, paths), *([last] if last else [])])
