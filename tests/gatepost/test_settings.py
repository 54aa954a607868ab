"""Public URLs are compared byte by byte, so each has one spelling."""

import pytest

from gatepost.settings import require_secure_url


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example",
        "https://auth.example/tenants/One",
        "https://auth.example:8443/mcp",
        "http://127.0.0.1:8400",
        "http://localhost:8400/mcp",
        "http://[::1]:8400",
    ],
)
def test_a_url_in_its_usual_form_is_taken_as_it_is(url: str) -> None:
    """Tokens and documents contain the operator's exact text."""
    assert require_secure_url(url) is url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://auth.example", "https"),
        ("ftp://auth.example", "https"),
        ("auth.example", "https"),
        ("https://", "https"),
        ("https://auth.example/", "slash"),
        ("https://auth.example/mcp/", "slash"),
        ("https://auth.example?", "query"),
        ("https://auth.example/a?b=c", "query"),
        ("https://auth.example#", "fragment"),
        ("https://user@auth.example", "user name"),
        ("https://AUTH.example", "lower-case"),
        ("https://auth.example:443", "port"),
        ("http://127.0.0.1:80", "port"),
    ],
)
def test_a_url_that_could_be_written_otherwise_is_refused(url: str, reason: str) -> None:
    """Clients compare issuer, resource and Origin as plain strings."""
    with pytest.raises(ValueError, match=reason):
        require_secure_url(url)
