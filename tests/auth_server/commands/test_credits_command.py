"""An operator gives credit, takes it back, and caps what a tenant's usage may cost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Operate = Callable[..., Result]
PLANS = """
plans:
  - name: free
    title: Free
    per_minute: 60
    burst: 30
    monthly_units: 20
    price: {currency: eur, included_units: 20, steps: [{unit_price: "0.015"}], credits: [20, 50]}
  - {name: pro, title: Pro, per_minute: 600, burst: 100}
"""


@pytest.fixture
def plans(operate: Operate, tmp_path: Path) -> None:
    """A plan that sells credit."""
    file = tmp_path / "plans.yaml"
    file.write_text(PLANS)
    assert operate("billing", "plans", "--set", file).exit_code == 0


@pytest.mark.usefixtures("plans")
def test_an_operator_gives_credit_sees_it_and_takes_it_back(operate: Operate) -> None:
    given = operate(
        "credits", "grant", "org_globex", "49.50", "--reason", "sorry", "--expires", "2099-01-01"
    ).output
    credit_id = given.split()[-1]

    listed = operate("credits", "list").output
    shown = operate("usage", "show", "--tenant", "org_globex").output
    revoked = operate("credits", "revoke", credit_id, "--reason", "a mistake").output
    left = operate("credits", "list", "--tenant", "org_globex").output

    assert given.startswith("org_globex has 49.50 EUR more: credit_")
    assert listed == (
        f"org_globex  {credit_id}  49.50 EUR of 49.50 EUR left, until 2099-01-01 00:00 UTC, "
        "operator: sorry\n"
    )
    assert "credit: 49.50 EUR, which pays for 3320 more units this month" in shown
    assert revoked == "49.50 EUR is taken back from org_globex.\n"
    assert "  0.00 EUR of 49.50 EUR left" in left


@pytest.mark.usefixtures("plans")
@pytest.mark.parametrize("amount", ["0", "-5", "1.234", "many", "NaN", "1e99"])
def test_an_amount_that_makes_no_sense_is_refused(operate: Operate, amount: str) -> None:
    refused = operate("credits", "grant", "--reason", "x", "--", "org_globex", amount)

    assert refused.exit_code == 1
    assert "amount: must be a multiple of 0.01, above 0" in refused.output
    assert operate("credits", "list").output == "There are no credits.\n"


@pytest.mark.usefixtures("plans")
def test_an_operator_caps_what_usage_may_cost(operate: Operate) -> None:
    assert operate("billing", "cap", "org_globex", "--amount", "15").output == (
        "The usage of org_globex may cost 15.00 EUR a month: 1020 units.\n"
    )
    shown = operate("usage", "show", "--tenant", "org_globex").output
    assert "tenant: 0 of 1020" in shown
    assert operate("billing", "cap", "org_globex", "--remove").exit_code == 0
    assert "1020" not in operate("usage", "show", "--tenant", "org_globex").output


@pytest.mark.usefixtures("plans")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cap", "org_nowhere", "--amount", "5"), "org_nowhere does not exist"),
        (("cap", "org_acme", "--amount", "5"), "The units of this plan cost nothing"),
        (("cap", "org_globex"), "either --amount or --remove"),
    ],
)
def test_a_cap_that_makes_no_sense_is_refused(
    operate: Operate, words: tuple[str, ...], said: str
) -> None:
    refused = operate("billing", *words)

    assert refused.exit_code != 0
    assert said in refused.output


def test_credit_that_nothing_could_use_is_not_offered(operate: Operate, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    for credits, said in (
        ("price: {credits: [5]}", "only a plan with steps"),
        ("price: {steps: [{unit_price: 1}], credits: [5, 5]}", "the amounts must rise"),
        ("price: {currency: jpy, steps: [{unit_price: 1}], credits: ['5.5']}", "a multiple of 1,"),
    ):
        file.write_text(f"plans: [{{name: a, title: A, per_minute: 1, burst: 1, {credits}}}]")
        refused = operate("billing", "plans", "--set", file)
        assert refused.exit_code == 1
        assert said in refused.output


@pytest.mark.usefixtures("plans")
def test_credit_is_not_given_where_another_system_bills_all_usage(
    operate: Operate, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = '{"kind": "cloud_events", "url": "https://usage.example/events"}'
    monkeypatch.setenv("GATEPOST_AUTH_USAGE_EXPORT", elsewhere)
    refused = operate("credits", "grant", "org_globex", "20", "--reason", "sorry")

    assert refused.exit_code == 1
    assert "usage_export sends all usage to another system" in refused.output
