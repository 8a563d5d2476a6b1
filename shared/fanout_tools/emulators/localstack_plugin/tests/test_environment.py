import os
from pathlib import Path

import pytest

from fanout_localstack.environment import function_environment


@pytest.fixture
def make():
    def call(given: dict[str, str] | None = None, **changes: object) -> dict[str, str]:
        arguments = {
            "given": given or {},
            "own": {},
            "runtime": "python3.11",
            "code": Path("/code"),
            "layers": [],
            "scratch": Path("/scratch"),
            "dynamodb_url": None,
        }
        return function_environment(**arguments | changes)

    return call


def test_code_comes_before_layers_and_the_last_layer_before_the_first(make):
    paths = make(layers=[Path("/first"), Path("/last")])["PYTHONPATH"].split(os.pathsep)

    assert paths == [
        "/code",
        "/last/python/lib/python3.11/site-packages",
        "/first/python/lib/python3.11/site-packages",
        "/last/python",
        "/first/python",
    ]


def test_programs_and_libraries_of_layers_are_found(make):
    environment = make(layers=[Path("/layer")])

    assert environment["PATH"].split(os.pathsep)[0] == "/layer/bin"
    assert "/layer/lib" in environment["LD_LIBRARY_PATH"].split(os.pathsep)


def test_a_python_path_of_the_functions_own_comes_last(make):
    own = {"PYTHONPATH": "/mine"}

    assert make(own, own=own)["PYTHONPATH"].split(os.pathsep) == ["/code", "/mine"]


def test_what_aws_sets_names_the_places_on_this_machine(make):
    environment = make({"LAMBDA_TASK_ROOT": "/var/task", "AWS_EXECUTION_ENV": "AWS_Lambda_rapid"})

    assert environment["LAMBDA_TASK_ROOT"] == "/code"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert environment["TMPDIR"] == "/scratch"


def test_what_only_an_init_program_in_a_container_needs_is_left_out(make):
    given = {"LOCALSTACK_RUNTIME_ID": "1", "EDGE_PORT": "4566", "AWS_REGION": "us-east-1"}

    environment = make(given)

    assert environment.keys().isdisjoint({"LOCALSTACK_RUNTIME_ID", "EDGE_PORT"})
    assert environment["AWS_REGION"] == "us-east-1"


def test_a_variable_of_the_functions_own_is_kept_whatever_its_name(make):
    own = {"EDGE_PORT": "mine"}

    assert make(own, own=own)["EDGE_PORT"] == "mine"


def test_dynamodb_elsewhere_is_told_unless_the_function_says_otherwise(make):
    url = "http://127.0.0.1:8000"
    own = {"AWS_ENDPOINT_URL_DYNAMODB": "http://mine"}

    assert make(dynamodb_url=url)["AWS_ENDPOINT_URL_DYNAMODB"] == url
    assert make(own, own=own, dynamodb_url=url)["AWS_ENDPOINT_URL_DYNAMODB"] == "http://mine"
    assert "AWS_ENDPOINT_URL_DYNAMODB" not in make()


def test_nothing_else_of_the_emulators_own_environment_gets_through(make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GATEWAY_LISTEN", "127.0.0.1:4566")

    assert "GATEWAY_LISTEN" not in make()
