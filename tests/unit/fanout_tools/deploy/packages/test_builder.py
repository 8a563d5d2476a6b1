"""A target's directory holds the packages of today's workers, and nothing of yesterday's."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from fanout_tools.deploy.packages import archive, build, layers
from fanout_tools.deploy.packages.sources import digest
from fanout_tools.project import project

WORKER_YAML = "description: Probe\nsubscribes:\n  - event: shop.orders/OrderPlaced\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two workers, one with requirements of its own; layers are written without pip."""
    for name in ("plain", "painter"):
        folder = tmp_path / "services" / name
        folder.mkdir(parents=True)
        (folder / "handler.py").write_text("handler = None\n")
        (folder / "worker.yaml").write_text(WORKER_YAML)
    (tmp_path / "services" / "__init__.py").touch()
    (tmp_path / "services" / "painter" / "requirements.txt").write_text("pillow\n")
    (tmp_path / "services" / "painter" / "worker.yaml").write_text(
        f"{WORKER_YAML}function: {{ architecture: x86_64 }}\n"
    )
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text("[tool.fanout]\n")
    (tmp_path / "constraints.txt").write_text("orjson==3.0\npillow==1.0\n")

    def write(path: Path, requirements: list[str], _constraints: Path, _target: object, architecture: str) -> bool:
        return archive.write(path, {"inputs": f"{requirements} {architecture}".encode()})

    monkeypatch.setattr(layers, "build", write)
    return tmp_path


def _made(repository: Path, target: str) -> dict[str, bool]:
    out = repository / "out" / target
    return {
        package.path.relative_to(out).as_posix(): package.built for package in build(project(repository), target, out)
    }


def test_each_worker_is_packed_with_its_layers(repository: Path) -> None:
    assert list(_made(repository, "aws")) == [
        "dependencies-arm64.zip",
        "dependencies-x86_64.zip",
        "layers/painter.zip",
        "workers/painter.zip",
        "workers/plain.zip",
        "canary.zip",
        "span-forwarder.zip",
    ]


def test_each_package_has_its_bill_beside_it(repository: Path) -> None:
    """GIVEN a build, then one without a worker WHEN looked at THEN each package has its bill, and there is no other."""
    for _ in range(2):
        made = _made(repository, "aws")
        out = repository / "out" / "aws"
        bills = {it.relative_to(out).as_posix() for it in out.rglob("*.cdx.json")}
        assert bills == {name.replace(".zip", ".cdx.json") for name in made}
        shutil.rmtree(repository / "services" / "painter", ignore_errors=True)


def test_a_web_function_is_packed_with_the_adapter(repository: Path) -> None:
    """GIVEN a web function beside the workers WHEN built THEN it has a zip and a layer of its own, with what the
    adapter needs; and no worker is made of it."""
    folder = repository / "services" / "shop"
    folder.mkdir()
    (folder / "web.yaml").write_text("description: Probe\n")
    (folder / "app.py").write_text("app = None\n")
    (folder / "page.html").write_text("<html>")
    (folder / "requirements.txt").write_text("starlette\n")
    made = _made(repository, "aws")

    assert [name for name in made if "shop" in name] == ["layers/shop.zip", "web/shop.zip"]
    with zipfile.ZipFile(repository / "out" / "aws" / "web" / "shop.zip") as zipped:
        packed = set(zipped.namelist())
    assert {
        "services/shop/app.py",
        "services/shop/page.html",
        "fanout_router/adapter/asgi.py",
        "fanout/__init__.py",
    } <= packed
    assert "services/shop/web.yaml" not in packed
    with zipfile.ZipFile(repository / "out" / "aws" / "layers" / "shop.zip") as zipped:
        inputs = zipped.read("inputs").decode()
    assert inputs.startswith("['starlette', 'hpack")
    assert inputs.endswith("arm64")


def test_a_web_function_that_streams_is_started_by_the_adapter(repository: Path) -> None:
    """GIVEN a web function that streams WHEN built THEN the script that starts it is there, and may be run."""
    folder = repository / "services" / "shop"
    folder.mkdir()
    (folder / "web.yaml").write_text("description: Probe\nvia: url\nurl: { streaming: true }\n")
    _made(repository, "aws")

    with zipfile.ZipFile(repository / "out" / "aws" / "web" / "shop.zip") as zipped:
        assert zipped.getinfo("fanout_stream").external_attr >> 16 & 0o777 == 0o755


def test_a_second_build_changes_nothing(repository: Path) -> None:
    assert all(_made(repository, "local").values())
    assert not any(_made(repository, "local").values())


def test_only_the_changed_worker_is_packed_anew(repository: Path) -> None:
    _made(repository, "local")
    (repository / "services" / "plain" / "handler.py").write_text("handler = 1\n")

    assert [name for name, built in _made(repository, "local").items() if built] == ["workers/plain.zip"]


def test_a_changed_declaration_is_a_canarys_too(repository: Path) -> None:
    """GIVEN packages WHEN what a worker subscribes to changes THEN its own is packed anew, and that of the canaries."""
    _made(repository, "local")
    (repository / "services" / "plain" / "worker.yaml").write_text(WORKER_YAML.replace("Placed", "Shipped"))

    made = _made(repository, "local")
    assert [name for name, built in made.items() if built] == ["workers/plain.zip", "canary.zip"]


def test_a_console_is_packed_where_an_environment_has_one(repository: Path) -> None:
    """GIVEN an environment with a console.yaml WHEN packages are built THEN there is a console with a layer of its own,
    and its package is as old as the tools that it holds."""
    environment = repository / "terraform" / "environments" / "prod"
    environment.mkdir(parents=True)
    (environment / "console.yaml").touch()

    made = _made(repository, "aws")

    assert {"console.zip", "layers/console.zip"} <= made.keys()
    told = json.loads((repository / "out" / "aws" / "target.json").read_text())
    assert {"console", "operate", "sources", "views"} <= {Path(path).name for path in told["sources"]}


def test_what_no_worker_needs_any_more_goes(repository: Path) -> None:
    # GIVEN packages of two workers for two architectures
    _made(repository, "aws")

    # WHEN the worker with a layer and an architecture of its own is removed
    shutil.rmtree(repository / "services" / "painter")
    _made(repository, "aws")

    # THEN so are its packages
    out = repository / "out" / "aws"
    left = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.zip"))
    assert left == ["canary.zip", "dependencies-arm64.zip", "span-forwarder.zip", "workers/plain.zip"]


def test_the_target_says_what_it_is_for(repository: Path) -> None:
    _made(repository, "aws")

    told = json.loads((repository / "out" / "aws" / "target.json").read_text())
    recorded = told.pop("sources")
    assert told == {"runtime": "python3.13", "architecture": None}
    assert recorded["../../services"] == digest(repository / "services")
    packed = {"services", "contracts", "fanout", "fanout_router"}
    assert {Path(path).name for path in recorded} == packed | {"canary", "declarations", "patterns"}
