"""An operator manages endpoints with `gatepost auth-server webhooks`."""

from collections.abc import Callable

import pytest
from click.testing import Result

Operate = Callable[..., Result]
TENANT = ("--tenant", "org_acme")
URL = "https://hooks.acme.example/in"


def add(operate: Operate, *options: str) -> tuple[str, str]:
    """Add an endpoint; return its id and its secret."""
    done = operate("webhooks", "add", *options)
    assert done.exit_code == 0, done.output
    first, secret = done.output.splitlines()
    assert secret.startswith("whsec_")
    return first.split()[0], secret


@pytest.mark.both_databases
def test_an_operator_looks_after_a_tenants_endpoint_from_its_first_to_its_last_day(
    operate: Operate,
) -> None:
    endpoint, secret = add(operate, *TENANT, "--type", "grant.created", URL)
    rolled = operate("webhooks", "roll", *TENANT, endpoint).output.splitlines()[-1]
    assert rolled.startswith("whsec_")
    assert rolled != secret
    message = operate("webhooks", "test", *TENANT, endpoint).output.split()[0]
    assert operate("webhooks", "resend", *TENANT, endpoint, message).exit_code == 0
    assert operate("webhooks", "enable", *TENANT, endpoint).exit_code == 0

    listed = operate("webhooks", "list", *TENANT).output
    assert f"{endpoint}  org_acme  {URL}  active  grant.created" in listed
    assert endpoint in operate("webhooks", "list", "--all").output
    assert endpoint not in operate("webhooks", "list").output
    delivered = operate("webhooks", "deliveries", *TENANT, endpoint).output
    assert f"{message}  webhook.test  waiting, 0 attempts" in delivered
    assert "whsec_" not in listed + delivered

    assert operate("webhooks", "remove", *TENANT, endpoint).exit_code == 0
    assert "no endpoints" in operate("webhooks", "list", *TENANT).output


def test_an_endpoint_is_only_found_with_its_owner(operate: Operate) -> None:
    endpoint, _ = add(operate, *TENANT, URL)

    for verb in ("roll", "test", "enable", "remove", "deliveries"):
        for owner in ((), ("--tenant", "org_globex")):
            done = operate("webhooks", verb, *owner, endpoint)
            assert done.exit_code == 1
            assert "This endpoint does not exist." in done.output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("http://hooks.acme.example/",), "must begin with https://"),
        (("https://10.0.0.1/",), "must name a public host"),
        (("--tenant", "nobody", URL), "the tenant nobody does not exist"),
        ((*TENANT, "--type", "client.registered", URL), "client.registered is not one of"),
    ],
)
def test_an_endpoint_that_can_not_be_used_is_refused_with_the_reason(
    operate: Operate, options: tuple[str, ...], reason: str
) -> None:
    done = operate("webhooks", "add", *options)

    assert done.exit_code == 1
    assert reason in done.output


def test_an_owner_has_at_most_ten_endpoints(operate: Operate) -> None:
    for _ in range(10):
        add(operate, *TENANT, URL)

    assert "at most 10" in operate("webhooks", "add", *TENANT, URL).output
    add(operate, "--tenant", "org_globex", URL)
