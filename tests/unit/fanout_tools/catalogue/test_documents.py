"""docs/ shows the local environment as the repository declares it today."""

import pytest

from fanout_tools.catalogue.catalogue import Declarations, declarations
from fanout_tools.catalogue.documents import DOCS, documents
from fanout_tools.catalogue.topology import Kind, Topology
from fanout_tools.declarations.worker import Manifest
from fanout_tools.project import project

pytestmark = pytest.mark.shop

KEPT = project().root / "docs" / "reference" / "topology.json"
FIX = "docs/ is out of date: run `make diagram-docs`"


@pytest.fixture(scope="module")
def kept() -> Topology:
    return Topology.from_json(KEPT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def today() -> Declarations:
    return declarations(project().services, project().schemas)


def test_docs_are_what_the_kept_topology_and_the_declarations_say(kept: Topology, today: Declarations) -> None:
    for name, text in documents(kept, today, KEPT.parent, project().schemas).items():
        if name in DOCS:
            assert (KEPT.parent / name).read_text(encoding="utf-8") == text, FIX


def test_the_kept_topology_has_the_declared_ways(kept: Topology, today: Declarations) -> None:
    ways = {(it.event, it.worker, it.via) for it in kept.ways}

    assert all(it.whole for it in kept.ways)
    assert ways == {
        (subscription.event, worker, str(manifest.via))
        for worker, manifest in today.manifests.items()
        for subscription in manifest.subscribes
    }, FIX


def test_the_kept_topology_has_the_declared_limits(kept: Topology, today: Declarations) -> None:
    assert kept.workers == sorted(today.manifests), FIX
    for worker, manifest in today.manifests.items():
        queue, function = kept.of(worker, Kind.QUEUE)[0], kept.of(worker, Kind.FUNCTION)[0]
        facts = {**queue.facts, **function.facts}
        assert {name: facts[name] for name in _limits(manifest)} == _limits(manifest), FIX


def _limits(manifest: Manifest) -> dict[str, object]:
    return {
        "batch_size": manifest.batch.size,
        "window_s": manifest.batch.window_s,
        "max_concurrency": manifest.batch.max_concurrency,
        "visibility_s": manifest.visibility_s,
        "max_receives": manifest.backstop,
        "tries": manifest.queue.max_receives,
        "retention_days": manifest.queue.retention_days,
        "fifo": manifest.queue.fifo,
        "memory_mb": manifest.function.memory_mb,
        "timeout_s": manifest.function.timeout_s,
        "architecture": manifest.function.architecture,
        "idempotency": str(manifest.idempotency.mode),
        "owner": manifest.owner,
    }
