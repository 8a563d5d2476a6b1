"""A newcomer installs the wheel in an empty folder, and has an event consumed; then adds a worker of each kind."""

from collections.abc import Iterator

import pytest

from scripts.bench.onboarding import Newcomer, first_event, further_worker


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    there = Newcomer(tmp_path_factory.mktemp("onboarding"))
    there.build_wheel()
    yield there
    there.leave()


@pytest.mark.timeout(2400)
def test_from_an_empty_folder_to_a_consumed_event(newcomer: Newcomer) -> None:
    """GIVEN an empty folder and the wheel WHEN a project is written, checked, tested and deployed THEN its worker
    consumes what `fanout publish` sends; WHEN another event and worker are added THEN likewise."""
    first_event(newcomer)
    further_worker(newcomer)
    print(newcomer.times)


@pytest.mark.timeout(2400)
def test_workers_of_each_kind_deploy_as_they_are(newcomer: Newcomer) -> None:
    """GIVEN the project WHEN workers of a bucket, of the clock and of a queue are added THEN all checks pass and
    Terraform applies them; the modules are as vendored, and the proof of the plan finds nothing."""
    newcomer.fanout("new", "worker", "uploads", "--s3", "uploads", step="new worker")
    newcomer.fanout("new", "worker", "nightly", "--schedule", "rate(1 day)", step="new worker")
    newcomer.fanout("new", "worker", "imports", "--from-queue", "legacy-imports", step="new worker")
    newcomer.make("check", "test", "deploy")

    assert newcomer.fanout("vendor", "--diff", step="vendor") == ""
    assert "0 findings" in newcomer.fanout("check-plan", "local", step="check-plan")
    assert newcomer.fanout("drift", step="drift").splitlines()[-1].startswith("no drift")
