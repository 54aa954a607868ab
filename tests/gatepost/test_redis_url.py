"""The URLs that name Redis, a cluster or Sentinels."""

import pytest
from pydantic import SecretStr

from gatepost.network.redis_url import read_redis_url
from gatepost.settings import require_redis_url


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis://cache:1234/2", (("cache", 1234),)),
        ("rediss://user:p%40ss@cache", (("cache", 6379),)),
        ("unix:///run/redis.sock", ()),
        ("redis+cluster://:pw@one,two:7000", (("one", 6379), ("two", 7000))),
        ("rediss+cluster://[::1]:7000/", (("::1", 7000),)),
        ("rediss+sentinel://one,two:1/books/3", (("one", 26379), ("two", 1))),
    ],
)
def test_every_form_names_its_servers(url: str, nodes: tuple[tuple[str, int], ...]) -> None:
    assert read_redis_url(url).nodes == nodes


def test_credentials_database_and_options_apply_to_every_connection() -> None:
    address = read_redis_url("rediss+sentinel://user:pw@one:1,two:2/books/3?ssl_ca_certs=/ca.pem")

    assert address.service == "books"
    assert address.options == "rediss://user:pw@one:1/3?ssl_ca_certs=/ca.pem"


@pytest.mark.parametrize(
    "url",
    [
        "http://s3cret@one",
        "redis://s3cret@",
        "redis://one:s3cret",
        "redis://s3cret@one,two",
        "redis://one:0",
        "redis+server://one",
        "redis+other://one",
        "redis+cluster://one,",
        "redis+cluster://one/1",
        "redis+sentinel://one",
        "unix+cluster:///run/redis.sock",
    ],
)
def test_anything_else_is_refused_with_the_forms_and_without_the_value(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must be redis://HOST") as refused:
        require_redis_url(SecretStr(url))
    assert "s3cret" not in str(refused.value)


def test_options_of_tls_without_tls_are_refused() -> None:
    with pytest.raises(ValueError, match="need rediss"):
        read_redis_url("redis://cache?ssl_ca_certs=/ca.pem")
