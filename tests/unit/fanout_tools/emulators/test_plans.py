"""What each emulator is started with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fanout_tools.emulators import DockerMissingError, localstack, ministack
from fanout_tools.emulators.model import Request, Server, minimal_environment

PYTHON = Path("/venv/bin/python")


def request(run_dir: Path, emulator: str, **changes: bool) -> Request:
    return Request(emulator=emulator, run_dir=run_dir, port=4566, **changes)


@pytest.fixture(autouse=True)
def _no_venvs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ministack, "ensure_venv", lambda *_, **__: PYTHON)
    monkeypatch.setattr(localstack, "ensure_venv", lambda directory, **_: directory / "bin/python")
    monkeypatch.setattr(localstack, "find_python", Path)


class TestMiniStack:
    def test_it_binds_loopback_and_knows_its_own_port(self, tmp_path: Path) -> None:
        plan = ministack.plan(request(tmp_path, "ministack"))

        (server,) = plan.servers
        assert "127.0.0.1:4566" in server.command
        assert server.environment["GATEWAY_PORT"] == "4566"
        assert plan.endpoints.url == plan.endpoints.dynamodb_url == "http://127.0.0.1:4566"

    def test_it_opens_no_other_port(self, tmp_path: Path) -> None:
        environment = ministack.plan(request(tmp_path, "ministack")).servers[0].environment

        assert environment["SFTP_ENABLED"] == environment["IOT_MTLS_ENABLED"] == "0"

    def test_iam_is_enforced_only_when_asked_for(self, tmp_path: Path) -> None:
        without = ministack.plan(request(tmp_path, "ministack")).servers[0].environment
        enforced = ministack.plan(request(tmp_path, "ministack", enforce_iam=True)).servers[0].environment

        assert "AUTH" not in without
        assert (enforced["AUTH"], enforced["AWS_ACCESS_KEY_ID"]) == ("true", "test")


class TestLocalStack:
    def plan(self, tmp_path: Path) -> tuple[Server, Server]:
        dynamodb, gateway = localstack.plan(request(tmp_path, "localstack")).servers
        return dynamodb, gateway

    def test_a_ministack_on_another_port_has_dynamodb(self, tmp_path: Path) -> None:
        dynamodb, gateway = self.plan(tmp_path)

        assert dynamodb.name == "ministack"
        assert dynamodb.port != gateway.port
        assert gateway.environment["FANOUT_FUNCTION_DYNAMODB_URL"] == f"http://127.0.0.1:{dynamodb.port}"

    def test_dynamodb_stays_on_the_port_it_had(self, tmp_path: Path) -> None:
        again = Request(emulator="localstack", run_dir=tmp_path, port=4566, dynamodb_port=8000)

        assert localstack.plan(again).endpoints.dynamodb_url == "http://127.0.0.1:8000"

    def test_it_is_told_to_listen_on_loopback(self, tmp_path: Path) -> None:
        assert self.plan(tmp_path)[1].environment["GATEWAY_LISTEN"] == "127.0.0.1:4566"

    def test_functions_run_on_an_environment_that_is_not_localstacks(self, tmp_path: Path) -> None:
        gateway = self.plan(tmp_path)[1]

        assert gateway.environment["LAMBDA_RUNTIME_EXECUTOR"] == "local"
        assert gateway.environment["FANOUT_FUNCTION_PYTHON"] != gateway.command[0]

    def test_a_developer_can_bound_the_function_processes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FANOUT_FUNCTION_PROCESSES", "8")

        assert self.plan(tmp_path)[1].environment["FANOUT_FUNCTION_PROCESSES"] == "8"

    def test_its_state_is_in_the_run_directory(self, tmp_path: Path) -> None:
        environment = self.plan(tmp_path)[1].environment

        for variable in ("FILESYSTEM_ROOT", "XDG_CACHE_HOME", "TEMP"):
            assert Path(environment[variable]).is_relative_to(tmp_path)


class TestDocker:
    @pytest.fixture
    def engine(self, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
        path = program("docker", "exit 0")
        monkeypatch.setenv("PATH", str(path.parent))
        return path

    def command(self, tmp_path: Path) -> list[str]:
        return list(localstack.plan_container(request(tmp_path, "localstack-docker")).servers[0].command)

    def test_the_image_is_published_on_loopback_only(self, engine: Path, tmp_path: Path) -> None:
        command = self.command(tmp_path)

        assert command[:3] == [str(engine), "run", "--rm"]
        assert command[command.index("--publish") + 1] == "127.0.0.1:4566:4566"
        assert command.count("--publish") == 1
        assert command[-1] == "localstack/localstack:4.14.0"

    def test_functions_can_be_started_through_the_engines_socket(self, engine: Path, tmp_path: Path) -> None:
        command = self.command(tmp_path)

        assert command[command.index("--volume") + 1] == "/var/run/docker.sock:/var/run/docker.sock"
        assert "MAIN_CONTAINER_NAME=fanout-localstack-4566" in command

    def test_the_container_is_removed_whatever_became_of_its_client(self, engine: Path, tmp_path: Path) -> None:
        server = localstack.plan_container(request(tmp_path, "localstack-docker")).servers[0]

        assert server.after_stop == [str(engine), "rm", "--force", "fanout-localstack-4566"]

    def test_without_docker_the_error_names_the_other_emulators(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(DockerMissingError, match=r"no docker on PATH.*EMULATOR=ministack"):
            self.command(tmp_path)

    def test_without_an_engine_the_error_has_what_docker_said(
        self, tmp_path: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

        with pytest.raises(DockerMissingError, match=r"reaches no engine.*Cannot connect to the Docker daemon"):
            self.command(tmp_path)


def test_nothing_of_an_aws_account_reaches_an_emulator(tmp_path: Path) -> None:
    environ = {"PATH": "/bin", "AWS_PROFILE": "prod", "AWS_ENDPOINT_URL": "http://x", "SECRET": "s", "LANG": "C"}

    environment = minimal_environment(tmp_path, environ)

    assert environment.keys().isdisjoint({"AWS_PROFILE", "AWS_ENDPOINT_URL", "SECRET"})
    assert (environment["PATH"], environment["LANG"]) == ("/bin", "C")
    assert Path(environment["TMPDIR"]).is_relative_to(tmp_path)
