import os
import socket
from collections.abc import Iterator

import pytest

from fanout_tools.emulators import PortTakenError
from fanout_tools.emulators.ports import check_free, free_port, listeners


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_free_port_can_be_bound() -> None:
    check_free(free_port())


def test_a_port_that_is_taken_is_an_error_that_names_who_has_it(taken: int) -> None:
    with pytest.raises(PortTakenError, match=rf"port {taken} is taken by process {os.getpid()} \(.*PORT="):
        check_free(taken)


def test_a_port_that_was_closed_a_moment_ago_is_free() -> None:
    # GIVEN a connection whose closing side is the server, which leaves its port in TIME_WAIT
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.accept()[0].close()
            client.recv(1)

    check_free(port)


def test_listeners_tell_address_port_and_process(taken: int) -> None:
    assert ("127.0.0.1", taken, os.getpid()) in listeners()


def test_listeners_tell_ipv6_addresses() -> None:
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()

        assert ("::1", other.getsockname()[1], os.getpid()) in listeners()
