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
    rolled = operate("webhooks", "roll", endpoint).output.splitlines()[-1]
    assert rolled.startswith("whsec_")
    assert rolled != secret
    message = operate("webhooks", "test", endpoint).output.split()[0]
    assert operate("webhooks", "resend", endpoint, message).exit_code == 0
    assert operate("webhooks", "disable", endpoint).exit_code == 0
    assert "by an operator" in operate("webhooks", "list", "--state", "disabled").output
    assert operate("webhooks", "enable", endpoint).exit_code == 0

    listed = operate("webhooks", "list", "--search", "ACME").output
    assert f"{endpoint}  org_acme  {URL}  active  grant.created" in listed
    assert endpoint in operate("webhooks", "list").output
    assert endpoint not in operate("webhooks", "list", "--state", "disabled").output
    delivered = operate("webhooks", "deliveries", endpoint).output
    assert f"{message}  webhook.test  waiting, 0 attempts" in delivered
    assert "whsec_" not in listed + delivered

    assert operate("webhooks", "remove", endpoint).exit_code == 0
    assert "no endpoints" in operate("webhooks", "list").output


def test_an_endpoint_that_does_not_exist_is_named(operate: Operate) -> None:
    for verb in ("roll", "test", "enable", "disable", "remove", "deliveries"):
        done = operate("webhooks", verb, "endpoint_x")
        assert done.exit_code == 1
        assert "the endpoint endpoint_x does not exist" in done.output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("http://hooks.acme.example/",), "must begin with https://"),
        (("https://10.0.0.1/",), "must name a public host"),
        (("--tenant", "nobody", URL), "tenant_id: this organisation does not exist"),
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
