"""A worker's package holds what it runs on, and nothing of what it is developed with."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from fanout.errors import ManifestError
from fanout.publish import Route, Routes
from fanout_tools.declarations.worker import Batch
from fanout_tools.deploy.packages import functions
from fanout_tools.project import project
from scripts.paths import REPOSITORY
from tests.console.balancer import SETTINGS

WORKER_YAML = "description: Probe\nsubscribes:\n  - event: shop.orders/OrderPlaced\nbatch: { size: 5 }\n"

FILES = {
    "services/__init__.py": "",
    "services/stock_keeper/__init__.py": "",
    "services/stock_keeper/handler.py": "handler = None\n",
    "services/stock_keeper/rules/limits.py": "",
    "services/stock_keeper/worker.yaml": WORKER_YAML,
    "services/stock_keeper/requirements.txt": "# for pictures\npillow  # any\n\n",
    "services/stock_keeper/test_handler.py": "",
    "services/stock_keeper/conftest.py": "",
    "services/stock_keeper/tests/test_more.py": "",
    "services/stock_keeper/__pycache__/handler.cpython-311.pyc": "",
    "services/other/handler.py": "",
    "pyproject.toml": "[tool.fanout]\n",
    "contracts/__init__.py": "",
    "contracts/schemas/shop.orders/OrderPlaced.v1.json": "{}",
    "contracts/golden/shop.orders/OrderPlaced.v1.plain.json": "{}",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one worker under development."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_neither_tests_nor_the_command_line_are_packed(repository: Path) -> None:
    packed = functions.worker_entries(project(repository), repository / "services" / "stock_keeper")

    assert "fanout/worker.py" in packed
    assert sorted(name for name in packed if not name.startswith("fanout/")) == [
        "contracts/__init__.py",
        "contracts/schemas/shop.orders/OrderPlaced.v1.json",
        "services/__init__.py",
        "services/stock_keeper/__init__.py",
        "services/stock_keeper/handler.py",
        "services/stock_keeper/rules/limits.py",
        "services/stock_keeper/worker.yaml",
    ]


def test_the_declaration_is_packed_as_json_with_every_default(repository: Path) -> None:
    packed = functions.worker_entries(project(repository), repository / "services" / "stock_keeper")

    declared = json.loads(packed["services/stock_keeper/worker.yaml"])
    assert declared["name"] == "stock-keeper"
    assert declared["batch"]["size"] == 5
    assert declared["batch"].keys() == Batch().model_dump().keys()
    assert declared["idempotency"]["mode"] == "strict"


def test_the_ways_of_what_it_publishes_are_packed(repository: Path) -> None:
    routes = Routes({"shop.orders/OrderShipped": Route(max_bytes=9, filtered=frozenset({("total", "amount")}))})
    packed = functions.worker_entries(project(repository), repository / "services" / "stock_keeper", routes)

    declared = json.loads(packed["services/stock_keeper/worker.yaml"])
    assert declared["routes"] == {"shop.orders/OrderShipped": {"max_bytes": 9, "filtered": [["total", "amount"]]}}


def test_canaries_by_the_clock_are_packed_with_declarations_and_without_handlers(repository: Path) -> None:
    """GIVEN a project WHEN the scheduled canary is packed THEN it has what each worker declares, the golden events,
    and of the tools what it imports; nothing of a handler, a schema, a command or a test."""
    packed = functions.canary_entries(project(repository))

    own = {name for name in packed if not name.startswith(("fanout/", "fanout_tools/"))}
    assert own == {
        "services/stock_keeper/worker.yaml",
        "contracts/golden/shop.orders/OrderPlaced.v1.plain.json",
    }
    folders = {name.split("/")[1] for name in packed if name.startswith("fanout_tools/") and name.count("/") > 1}
    assert folders == {"canary", "contracts", "declarations", "patterns"}
    assert "fanout_tools/contracts/check.py" not in packed
    assert sum(map(len, packed.values())) < 1_000_000


_RUN = """
import json
from boto3 import client
from fanout_tools.canary import scheduled

class Bus:
    def describe_event_bus(self, Name):
        error = {"Error": {"Code": "ResourceNotFoundException"}}
        raise client("events", region_name="eu-north-1").exceptions.ResourceNotFoundException(error, "DescribeEventBus")

scheduled.aws.client = lambda service: Bus()
try:
    scheduled.handler({}, None)
except scheduled.CanaryFailedError as error:
    print(json.dumps({"failed": str(error)}))
"""


def test_the_package_of_canaries_runs_on_the_layer_alone(tmp_path: Path) -> None:
    """GIVEN the repository's own declarations, unpacked beside what the platform's layer holds WHEN the function runs
    there, for a deployment without a bus THEN nothing is missing, and what it tells is JSON."""
    layer = tmp_path / "layer"
    layer.mkdir()
    for path in layer_modules():
        (layer / path.name).symlink_to(path)
    for name, content in functions.canary_entries(project(REPOSITORY)).items():
        file = tmp_path / "package" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    environment = {
        "PYTHONPATH": f"{tmp_path / 'package'}:{layer}",
        "FANOUT_NAMESPACE": "fanout-test",
        "FANOUT_CANARY_LIMIT_S": "1",
    }

    command = [sys.executable, "-S", "-P", "-c", _RUN]  # no site-packages
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    error, measured, failed = map(json.loads, done.stdout.splitlines())
    assert failed == {"failed": "bus fanout-test: there is no such bus; `make deploy` puts it back"}
    assert (error["hop"], error["resource"]) == ("bus", "fanout-test")
    assert error["pairs"]
    assert all(len(pair.split()) > 1 for pair in error["pairs"])
    assert measured["CanaryFailedHops"] == 1


def test_a_console_is_packed_with_its_pages_and_without_handlers(repository: Path) -> None:
    """GIVEN a project WHEN the console is packed THEN it has what each worker declares, the contracts, its pages and
    the prices; nothing of a handler, a command or a test."""
    packed = functions.console_entries(project(repository))

    own = {name for name in packed if not name.startswith(("fanout/", "fanout_tools/", "fanout_router/"))}
    assert own == {
        "contracts/__init__.py",
        "contracts/schemas/shop.orders/OrderPlaced.v1.json",
        "fanout_console.py",
        "services/stock_keeper/worker.yaml",
    }
    for name in ("templates/base.html", "static/console.css", "static/vendor/htmx.min.js"):
        assert f"fanout_tools/console/{name}" in packed
    assert "fanout_tools/cost/prices-us-east-1.yaml" in packed
    assert not any(name.startswith(("fanout_tools/cli/", "fanout_tools/console/serve")) for name in packed)
    assert not any("localstack_plugin" in name for name in packed)


_ASK = """
import asyncio, json
import fanout_console

async def asked(path, **headers):
    sent = []
    async def send(message):
        sent.append(message)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": raw}
    await app(scope, None, send)
    return sent[0]["status"]

app = fanout_console.handler.runtime.app._app
workers = list(app._console_of.topology.workers)
print(json.dumps([asyncio.run(asked("/", host=host)) for host in ("console.example.org", "evil.example")] + workers))
"""


@pytest.mark.shop
def test_the_package_of_a_console_runs_on_its_layers_alone(tmp_path: Path) -> None:
    """GIVEN the repository's own declarations, unpacked beside what the layers hold WHEN the function starts there THEN
    nothing is missing: it knows the workers, and lets in nobody who has not signed in."""
    layer = tmp_path / "layer"
    layer.mkdir()
    for path in layer_modules(*functions.CONSOLE_REQUIREMENTS, *functions.fanout_requirements("adapter")):
        (layer / path.name).symlink_to(path)
    for name, content in functions.console_entries(project(REPOSITORY)).items():
        file = tmp_path / "package" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "FANOUT_CONSOLE": SETTINGS.model_dump_json(),
        "FANOUT_NAMESPACE": "fanout-test",
        "PYTHONPATH": f"{tmp_path / 'package'}:{layer}",
    }

    command = [sys.executable, "-S", "-P", "-c", _ASK]  # no site-packages
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    signed_in, elsewhere, *workers = json.loads(done.stdout)
    assert (signed_in, elsewhere) == (401, 421)
    assert "billing" in workers


def layer_modules(*more: str) -> set[Path]:
    """Where the modules are that the platform's layer holds: of fanout's requirements, and of theirs.

    :param more: what a layer beside it is made of.
    """
    found: dict[str, set[Path]] = {}
    waiting = [*functions.fanout_requirements(), *more]
    while waiting:
        requirement = waiting.pop()
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement and name not in found and _is_installed(name):
            distribution = metadata.distribution(name)
            names = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
            found[name] = {Path(str(distribution.locate_file(it))) for it in names}
            waiting += distribution.requires or []
    return set().union(*found.values())


def test_a_bad_declaration_is_refused(repository: Path) -> None:
    folder = repository / "services" / "stock_keeper"
    (folder / "worker.yaml").write_text(f"{WORKER_YAML}batches: {{}}\n")

    with pytest.raises(ManifestError, match=r"stock_keeper/worker.yaml: batches: unknown key"):
        functions.worker_entries(project(repository), folder)


def test_requirements_are_read_without_their_comments(repository: Path) -> None:
    assert functions.worker_requirements(repository / "services" / "stock_keeper") == ["pillow"]
    assert functions.worker_requirements(repository / "services" / "other") == []


def test_powertools_is_in_the_layer_of_the_worker_that_asks_for_it(repository: Path) -> None:
    """GIVEN a worker with requirements of its own WHEN it asks for Powertools THEN its layer holds both; and what it is
    packed by is the project's extra, without extras of Powertools' own."""
    folder = repository / "services" / "stock_keeper"
    (folder / "worker.yaml").write_text(f"{WORKER_YAML}powertools: true\n")

    assert functions.worker_requirements(folder) == ["pillow", "aws-lambda-powertools"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [extra] = project["optional-dependencies"]["powertools"]
    assert extra.partition(">=")[0] == "aws-lambda-powertools"


def test_secrets_and_links_to_elsewhere_are_not_packed(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """GIVEN what lies about in a developer's folder WHEN it is packed THEN only what runs is there."""
    folder, outside = repository / "services" / "stock_keeper", tmp_path_factory.mktemp("elsewhere") / "passwords"
    outside.write_text("secret")
    for name in (".env", "key.pem", ".git/config", ".aws/credentials", "rules/tls.key", "rules/limits.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    for name in ("TLS.PEM", "Server.Key"):
        (folder / name).write_text("x")
    (folder / "id_rsa").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (folder / "signing.txt").write_text("\n-----BEGIN PRIVATE KEY-----\n")
    (folder / "passwords").symlink_to(outside)
    (folder / "inside.py").symlink_to(folder / "handler.py")

    packed = {name for name, _ in functions.files(folder)}

    assert packed == {"__init__.py", "handler.py", "inside.py", "rules/limits.py", "rules/limits.json"}


@pytest.mark.parametrize(
    "before",
    [
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\r\n",
        "Bag Attributes\n    friendlyName: shop\n",
        "\ufeff",
    ],
)
def test_a_private_key_is_not_packed_whatever_stands_before_it(tmp_path: Path, before: str) -> None:
    """GIVEN a key as openssl or an editor writes it, after something else WHEN packed THEN it is left out."""
    (tmp_path / "shop.crt").write_text(f"{before}-----BEGIN EC PRIVATE KEY-----\nMHcC\n", encoding="utf-8")
    (tmp_path / "handler.py").write_text('FORM = """\n-----BEGIN PRIVATE KEY-----\n"""\n')

    assert [name for name, _ in functions.files(tmp_path)] == ["handler.py"]


def test_a_link_brings_in_nothing_that_is_left_out_by_its_own_name(tmp_path: Path) -> None:
    """GIVEN harmless names that link to a hidden file, a key and a test WHEN packed THEN none is there."""
    (tmp_path / "tests").mkdir()
    for link, name in {"settings.txt": ".env", "certificate.txt": "tls.key", "example.py": "tests/data.py"}.items():
        (tmp_path / name).write_text("x")
        (tmp_path / link).symlink_to(tmp_path / name)
    (tmp_path / "handler.py").write_text("x")

    assert [name for name, _ in functions.files(tmp_path)] == ["handler.py"]


def test_the_script_of_a_streaming_function_finds_what_the_managed_runtime_would(tmp_path: Path) -> None:
    """GIVEN what Lambda gives a wrapper script: the interpreter, and the managed runtime's arguments WHEN run THEN the
    adapter's loop runs in it, with the paths of code, layers and runtime, and nothing of those arguments."""
    package = tmp_path / "fanout_router" / "adapter"
    package.mkdir(parents=True)
    (tmp_path / "fanout_router" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "streaming.py").write_text("import os, sys\nprint(os.environ['PYTHONPATH'], sys.argv[1:])\n")
    script = tmp_path / "fanout_stream"
    script.write_bytes(functions.STREAM)
    script.chmod(0o755)
    told = {
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "PYTHONPATH": "/var/runtime",
    }

    done = subprocess.run(
        [script, sys.executable, "/var/runtime/bootstrap.py"], env=told, capture_output=True, check=True, text=True
    )

    assert done.stdout == f"{tmp_path}:/opt/python/lib/python3.13/site-packages:/opt/python:/var/runtime []\n"


def _is_installed(name: str) -> bool:
    """What other versions of Python need is not."""
    return next(iter(metadata.distributions(name=name)), None) is not None
