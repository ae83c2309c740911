import pytest

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.server.listen import is_loopback, listen, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:9797", "127.0.0.1", 9797), ("localhost:0", "localhost", 0), ("[::1]:80", "::1", 80)],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize("text", ["", "9797", ":9797", "host:", "host:port", "host:70000", "on"])
def test_what_is_no_address_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(ConfigError, match=r"HOST:PORT, such as 127\.0\.0\.1:9797, or off"):
        parse_address(text)


def test_loopback() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.0.1", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"))


def test_loopback_needs_no_token_and_the_rest_gets_one() -> None:
    local = listen("127.0.0.1:0")
    assert (local.token, local.url) == ("", f"http://127.0.0.1:{local.port}/")
    local.socket.close()
    wide = listen("0.0.0.0:0")
    assert len(wide.token) > 20
    assert wide.url.endswith(f"/?token={wide.token}")
    wide.socket.close()
    own = listen("0.0.0.0:0", "mine")
    assert own.token == "mine"
    assert "mine" not in own.url
    own.socket.close()


def test_a_port_that_is_taken() -> None:
    first = listen("127.0.0.1:0")
    with pytest.raises(OSError, match="in use"):
        listen(f"127.0.0.1:{first.port}")
    first.socket.close()
