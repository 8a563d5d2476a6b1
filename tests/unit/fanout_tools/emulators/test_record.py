import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanout_tools.emulators import EmulatorError, Endpoints, StateError
from fanout_tools.emulators.ports import free_port
from fanout_tools.emulators.processes import ProcessRecord
from fanout_tools.emulators.record import Run, Started, answers, load, post, remove, save

RUN = Run(
    emulator="localstack",
    port=4566,
    enforce_iam=False,
    endpoints=Endpoints(url="http://127.0.0.1:4566", dynamodb_url="http://127.0.0.1:8000"),
    servers=[
        Started(
            name="localstack",
            process=ProcessRecord(pid=7, started="1234"),
            health_url="http://127.0.0.1:4566/_localstack/health",
            after_stop=[],
        )
    ],
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path, RUN)

    assert load(tmp_path) == RUN


def test_a_shell_can_source_the_endpoints(tmp_path: Path) -> None:
    save(tmp_path, RUN)

    lines = (tmp_path / "endpoint.env").read_text().splitlines()
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4566" in lines
    assert "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000" in lines


def test_nothing_was_started_where_there_is_no_record(tmp_path: Path) -> None:
    assert load(tmp_path) is None


def test_a_removed_record_leaves_nothing(tmp_path: Path) -> None:
    save(tmp_path, RUN)

    remove(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", '{"servers": [{"process": {}}]}', "[]"])
def test_a_record_that_cannot_be_read_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)

    with pytest.raises(StateError, match=r"run\.json is no record of a running emulator"):
        load(tmp_path)


@pytest.fixture
def url() -> Iterator[str]:
    """A server that has /ready and refuses the rest."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ready" else 503)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_only_200_counts_as_healthy(url: str) -> None:
    assert answers(f"{url}/ready")
    assert not answers(f"{url}/starting")
    assert not answers(f"http://127.0.0.1:{free_port()}/")


def test_a_proxy_of_the_environment_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

    assert answers(f"{url}/ready")


def test_a_post_that_is_refused_is_an_error_that_names_the_url(url: str) -> None:
    post(f"{url}/ready")

    with pytest.raises(EmulatorError, match=f"POST {url}/reset failed: .*503"):
        post(f"{url}/reset")


def test_a_record_that_is_a_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()

    with pytest.raises(StateError, match=r"run\.json is no record of a running emulator"):
        load(tmp_path)
