"""Binding the address of a service."""

import socket

import pytest

from gatepost.network.listen import CannotListen, bind


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_service_on_this_machine_listens_where_its_url_says(host: str) -> None:
    port = free_port()
    with bind(f"http://{host}:{port}/mcp", None, None, usual_port=1) as bound:
        assert bound.getsockname() == ("127.0.0.1", port)


@pytest.mark.parametrize(
    "url", ["https://mcp.example.com:1", "https://127.0.0.1:1", "http://127.0.0.1"]
)
def test_a_service_behind_a_proxy_listens_on_its_usual_port(url: str) -> None:
    port = free_port()
    with bind(url, None, None, usual_port=port) as bound:
        assert bound.getsockname() == ("127.0.0.1", port)


def test_a_given_port_wins() -> None:
    with bind("http://127.0.0.1:1", "127.0.0.1", 0, usual_port=1) as bound:
        assert bound.getsockname()[1] > 1


def test_a_port_in_use_is_named_in_one_sentence() -> None:
    with bind("", None, 0, usual_port=1) as bound:
        bound.listen()
        port = bound.getsockname()[1]
        with pytest.raises(CannotListen, match=f"^port {port} of 127.0.0.1 is in use; choose ano"):
            bind("", None, port, usual_port=1)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(CannotListen, match=r"^can't listen on 192.0.2.1, port 0: .*--host"):
        bind("", "192.0.2.1", 0, usual_port=1)
