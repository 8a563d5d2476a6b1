import queue
import urllib.error
import urllib.request

import pytest

from fanout_localstack.runtime_api import RuntimeApi


@pytest.fixture
def api():
    api = RuntimeApi(queue.Queue())
    yield api
    api.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [("2018-06-01/runtime/other", None), ("", None), ("2018-06-01/runtime/invocation/next", b"{}")],
)
def test_what_the_runtime_api_does_not_have_is_not_found(api, path: str, body: bytes | None):
    address = api.environment["AWS_LAMBDA_RUNTIME_API"]

    with pytest.raises(urllib.error.HTTPError, match="404") as raised:
        urllib.request.urlopen(f"http://{address}/{path}", data=body)

    raised.value.close()


def test_it_listens_on_loopback(api):
    assert api.environment["AWS_LAMBDA_RUNTIME_API"].startswith("127.0.0.1:")
