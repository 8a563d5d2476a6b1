import http.server
import threading
from collections.abc import Iterator

import pytest

from fanout_tools.emulators import EmulatorError
from fanout_tools.emulators.health import answers, post
from fanout_tools.emulators.ports import free_port


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
