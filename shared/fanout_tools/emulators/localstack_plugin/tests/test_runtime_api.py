import http.client
import json
import queue
import urllib.error
import urllib.request

import pytest

from fanout_localstack.runtime_api import Answered, RuntimeApi


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


def test_an_answer_in_parts_is_gathered():
    """GIVEN an answer that is streamed WHEN it is posted THEN it is what a function URL takes whole."""
    said = queue.Queue()
    api = RuntimeApi(said)
    address = api.environment["AWS_LAMBDA_RUNTIME_API"]
    fields = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}
    parts = [b'{"statusCode": 201, "cookies": ["a=1"]}', bytes(8), b"one ", b"two"]
    connection = http.client.HTTPConnection(address)
    path = "/2018-06-01/runtime/invocation/request-1/response"

    connection.request("POST", path, iter(parts), fields, encode_chunked=True)

    assert connection.getresponse().status == 202
    connection.close()
    api.close()
    [answered] = [said.get_nowait()]
    assert isinstance(answered, Answered)
    assert json.loads(answered.payload) == {
        "statusCode": 201,
        "cookies": ["a=1"],
        "body": "b25lIHR3bw==",
        "isBase64Encoded": True,
    }
