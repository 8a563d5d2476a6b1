"""web.yaml's model: what it takes, what it refuses, and that no worker is made of it."""

from pathlib import Path

import pytest

from fanout import ManifestError
from fanout.events.event import load_contracts
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.web import WebManifest, load_all
from fanout_tools.declarations.worker import Manifest
from fanout_tools.declarations.worker import load_all as load_workers

SERVICES = Path(__file__).parents[4] / "services"
ACCOUNT = "123456789012"
WORKERS = {
    "billing": Manifest.parse(
        {
            "description": "Probe",
            "subscribes": [{"event": "shop.orders/OrderPlaced"}],
            "tables": {"ledger": {"key": "order_id"}},
            "buckets": {"big-files": {}},
        },
        file="f",
    )
}


@pytest.fixture
def services(tmp_path: Path) -> Path:
    """A folder of one worker."""
    (tmp_path / "services" / "billing").mkdir(parents=True)
    (tmp_path / "services" / "billing" / "worker.yaml").touch()
    return tmp_path / "services"


def declare(services: Path, text: str, folder: str = "shop") -> None:
    (services / folder).mkdir(exist_ok=True)
    (services / folder / "web.yaml").write_text(text)


def test_the_projects_own_web_functions_load() -> None:
    """GIVEN the services WHEN they are loaded THEN every web function is there, and none is a worker."""
    workers = load_workers(SERVICES)
    events = [contract.contract.identifier for contract in load_contracts()]

    found = load_all(SERVICES, workers, events=events)

    assert list(found) == sorted(it.parent.name for it in SERVICES.glob("*/web.yaml"))
    assert not found.keys() & workers.keys()


def test_every_default(services: Path) -> None:
    """GIVEN what must be said and no more WHEN loaded THEN every other key has its default, and it needs no bus."""
    declare(services, "description: Probe\n", "big_shop")
    [(name, declared)] = load_all(services, WORKERS).items()

    assert name == "big-shop"
    assert declared.model_dump() == {
        "description": "Probe",
        "owner": None,
        "publishes": [],
        "via": "router",
        "url": None,
        "http_api": None,
        "function": {"memory_mb": 512, "timeout_s": None, "architecture": "arm64"},
        "permissions": [],
    }
    assert declared.timeout_s == 900
    assert declared.environment(Names("fanout-dev"), ACCOUNT) == {"FANOUT_NAMESPACE": "fanout-dev"}


def test_its_environment_names_what_it_may_use(services: Path) -> None:
    """GIVEN permissions and an event to publish WHEN its environment is made THEN bus, tables and buckets have their
    names in AWS, under the variables that fanout.resources reads."""
    resources = "[table:ledger/index/by-day, bucket:big-files, 'arn:aws:s3:::other']"
    declare(
        services,
        "description: Probe\npublishes: [shop.orders/OrderPlaced]\n"
        f"permissions: [{{ actions: [s3:GetObject], resources: {resources} }}]\n",
    )
    declared = load_all(services, WORKERS)["shop"]

    assert declared.environment(Names("fanout-dev"), ACCOUNT) == {
        "FANOUT_NAMESPACE": "fanout-dev",
        "FANOUT_BUS": "fanout-dev",
        "TABLE_LEDGER": "fanout-dev-ledger",
        "BUCKET_BIG_FILES": f"fanout-dev-big-files-{ACCOUNT}",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file: null: must be a mapping"),
        ("owner: shop\n", "description: missing; add it"),
        ("description: P\nsubscribes: []\n", "subscribes: unknown key; write one of description, function, http_api, "),
        (
            "description: P\nfunction: { timeout_s: 901 }\n",
            "function.timeout_s: 901: must be a whole number from 1 to 900",
        ),
        ("description: P\ndescription: Q\n", "description: is written twice, again at line 2; keep one"),
        (
            "description: P\npublishes: [shop.orders/OrderPlace]\n",
            "publishes.0: shop.orders/OrderPlace: no such event; did you mean shop.orders/OrderPlaced? ",
        ),
        (
            "description: P\npermissions: [{ actions: [s3:GetObject], resources: [table:stock] }]\n",
            "permissions.0.resources: table:stock: no worker declares it; ",
        ),
    ],
)
def test_a_bad_file_is_refused(services: Path, text: str, said: str) -> None:
    """GIVEN a file with a fault WHEN loaded THEN the error names file, key and fix."""
    declare(services, text)
    with pytest.raises(ManifestError) as refusal:
        load_all(services, WORKERS, events=["shop.orders/OrderPlaced"])
    assert str(refusal.value).startswith(f"services/shop/web.yaml: {said}")


JWT = "jwt: { issuer: 'https://id.example', audience: [shop] }"


@pytest.mark.parametrize(
    ("text", "timeout_s"),
    [
        ("via: url", 60),
        ("via: url\nurl: { auth: none, streaming: true }\nfunction: { timeout_s: 900 }", 900),
        ("via: http_api\nhttp_api: { auth: none }", 30),
        (f"via: http_api\nhttp_api: {{ rate: 5, burst: 9, {JWT} }}\nfunction: {{ timeout_s: 3 }}", 3),
    ],
)
def test_a_web_function_needs_no_router(services: Path, text: str, timeout_s: int) -> None:
    """GIVEN a way of its own WHEN loaded THEN its function has the time that the way has."""
    declare(services, f"description: P\n{text}\n")
    assert load_all(services, WORKERS)["shop"].timeout_s == timeout_s


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("via: alb", 'via: "alb": must be one of router, url, http_api'),
        ("url: {}", "url: is of no use via router; remove it, or write via: url"),
        (f"via: url\nhttp_api: {{ {JWT} }}", "http_api: is of no use via url; remove it, or write via: http_api"),
        ("via: url\nurl: { auth: jwt }", 'url.auth: "jwt": must be one of iam, none'),
        ("function: { timeout_s: 30 }", "function.timeout_s: 30: must be 60 to 900 via router: an environment is "),
        (
            "via: http_api\nhttp_api: { auth: none }\nfunction: { timeout_s: 31 }",
            "function.timeout_s: 31: must be 1 to 30 via http_api: an HTTP API answers 503 after 30 s, ",
        ),
        ("via: http_api", "http_api.jwt: missing; name issuer and audience, or write auth: none, "),
        (f"via: http_api\nhttp_api: {{ auth: none, {JWT} }}", "http_api.jwt: is of no use with auth: none; "),
        (
            "via: http_api\nhttp_api: { jwt: { issuer: 'http://id.example', audience: [a] } }",
            'http_api.jwt.issuer: "http://id.example": must match ^https://',
        ),
        ("via: http_api\nhttp_api: { rate: 0 }", "http_api.rate: 0: must be a whole number from 1 to 10000"),
    ],
)
def test_what_does_not_go_with_its_way_is_refused(services: Path, text: str, said: str) -> None:
    """GIVEN a key that its way does not know or cannot keep WHEN loaded THEN the error says what to write."""
    declare(services, f"description: P\n{text}\n")
    with pytest.raises(ManifestError) as refusal:
        load_all(services, WORKERS)
    assert str(refusal.value).startswith(f"services/shop/web.yaml: {said}")


def test_a_web_function_shares_its_name_with_no_worker(services: Path) -> None:
    """GIVEN a worker's folder, one of a worker's name, and a name that AWS would not take WHEN loaded THEN each is
    told."""
    (services / "big_shop").mkdir()
    (services / "big_shop" / "worker.yaml").touch()
    for folder in ("billing", "big-shop", "Shop"):
        declare(services, "description: P\n", folder)
    with pytest.raises(ManifestError) as refusal:
        load_all(services, WORKERS)

    capital, taken, beside = str(refusal.value).splitlines()
    assert capital.startswith("services/Shop/web.yaml: name: Shop: must be 1 to 36 of a-z")
    assert taken.startswith("services/big-shop/web.yaml: name: big-shop: is also the name of services/big_shop; ")
    assert beside == (
        "services/billing/web.yaml: stands beside a worker.yaml; give the web function a folder of its own"
    )


def test_one_file_loads_by_itself(services: Path) -> None:
    """GIVEN a folder WHEN its file alone is loaded THEN it is read, or said to be missing."""
    declare(services, "description: P\n")
    assert WebManifest.load(services / "shop" / "web.yaml").description == "P"
    with pytest.raises(ManifestError, match="cannot be read"):
        WebManifest.load(services / "none" / "web.yaml")
