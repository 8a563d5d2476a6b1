"""The router's image says the same as its task definition: its user, its command, its ports, its health check."""

import json
import re
import tomllib

from fanout_router.config import RouterSettings
from scripts.paths import REPOSITORY

DOCKERFILE = REPOSITORY / "router" / "Dockerfile"
SERVICE = (REPOSITORY / "terraform" / "modules" / "router" / "service.tf").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its arguments, continued lines joined."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def last(name: str) -> str:
    return [rest for given, rest in instructions() if given == name][-1]


def test_it_runs_as_the_user_that_the_task_names() -> None:
    user = last("USER")
    assert int(user.partition(":")[0]) > 0
    assert re.search(r'user\s+= "([^"]+)"', SERVICE)[1] == user  # type: ignore[index]
    # nothing is copied or run after it, as somebody else's
    names = [name for name, _ in instructions()]
    assert not {"COPY", "RUN", "ADD"} & set(names[names.index("USER") :])


def test_it_runs_a_command_that_the_wheel_has() -> None:
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    [command] = json.loads(last("ENTRYPOINT"))
    assert scripts[command] == "fanout_router.cli:main"
    assert json.loads(last("CMD")) == ["serve"]


def test_its_ports_are_the_routers() -> None:
    settings = RouterSettings.load()
    assert last("EXPOSE").split() == [str(port) for port in (settings.port, settings.admin_port, settings.control_port)]
    for name, port in (("client", settings.port), ("admin", settings.admin_port), ("control", settings.control_port)):
        main = (REPOSITORY / "terraform" / "modules" / "router" / "main.tf").read_text(encoding="utf-8")
        assert re.search(rf"{name}_port\s+= {port}\n", main)


def test_it_is_asked_for_its_health_as_the_task_is() -> None:
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    told = re.search(r'alive = "(.*)"', SERVICE)
    assert told
    assert command[:2] == ["python", "-c"]
    assert command[2] == told[1].replace("${local.admin_port}", str(RouterSettings.load().admin_port))


def test_what_it_is_built_from_is_there_and_not_ignored() -> None:
    sources = {
        source.removeprefix("./")
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert all((REPOSITORY / source).exists() for source in sources)


def test_packages_are_held_to_hashes_and_bases_are_named() -> None:
    """Each installation is by a lock, or of what was built here with neither an index nor a requirement."""
    [run] = [rest for name, rest in instructions() if name == "RUN"]
    installs = [command for command in run.split(" && ") if re.search(r"pip (install|wheel|download)", command)]
    locked = [re.search(r"--require-hashes --requirement (\S+)", command) for command in installs]
    assert {found[1] for found in locked if found} == {"router/build.lock", "router/requirements.lock"}
    own = [command for command, found in zip(installs, locked, strict=True) if not found]
    assert len(own) == 2
    assert all(re.search(r"--no-deps (--no-build-isolation|--no-index)", command) for command in own)
    assert {rest.partition(" ")[0] for name, rest in instructions() if name == "FROM"} == {"${BASE}"}
    assert re.fullmatch(r"BASE=python:3\.13-slim@sha256:[0-9a-f]{64}", last("ARG"))


def test_it_holds_its_own_bill_of_materials() -> None:
    """Where the virtual environment lies that the image runs, and after all that is installed or removed."""
    [install] = [rest for name, rest in instructions() if name == "RUN"]
    written = install.rpartition(" && ")[2].split()
    assert written == [
        *("/opt/router/bin/python", "-I", "-m", "fanout_tools.sbom", "fanout-router", ">"),
        "/opt/router/fanout-router.cdx.json",
    ]
    assert last("COPY") == "--from=build /opt/router /opt/router"


def test_the_hot_path_is_compiled_by_what_does_not_run() -> None:
    [build] = [rest for name, rest in instructions() if name == "RUN"]
    [compiled] = re.findall(r"(\S+) (router/\S+\.py) (\S+)", build)
    assert compiled[0].startswith("/opt/builder/")
    assert (REPOSITORY / compiled[1]).exists()
    assert compiled[2].startswith(last("COPY").split()[-1])
