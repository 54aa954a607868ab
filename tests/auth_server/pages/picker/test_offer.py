"""Laws of the consent page's offer, for any request, earlier consent and change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.pages.picker.offer import Offer, kind_of, make_offer
from auth_server.records.grants.table import Grant
from auth_server.records.tenants.policy import TenantPolicy
from gatepost.catalogue import CatalogueDocument, ToolSummary
from gatepost.scopes import covers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPES = ("mcp:read", "mcp:write", "mcp:admin", "reports:read")
NAMES = st.sets(st.sampled_from("abcdef"), max_size=6)
ASKED = st.sets(st.sampled_from(SCOPES), min_size=1)


@st.composite
def tools(draw: st.DrawFn) -> tuple[ToolSummary, ...]:
    """A tool list with the same names in both versions, but other effects and scopes."""
    return tuple(
        ToolSummary(
            name=name,
            title=name,
            description="",
            scope=draw(st.sampled_from(SCOPES)),
            read_only=(read_only := draw(st.booleans())),
            destructive=not read_only and draw(st.booleans()),
        )
        for name in sorted(draw(NAMES))
    )


def catalogue(listed: tuple[ToolSummary, ...]) -> CatalogueDocument:
    """A version of the tool list."""
    return CatalogueDocument(resource="r", name="Orbit", hash="0" * 64, tools=listed)


def grant(allowed: set[str], asked: set[str]) -> Grant:
    """The earlier consent."""
    return Grant(
        grant_id="grant_1",
        person_id="p",
        client_id="c",
        tenant_id="t",
        resource="r",
        scope="",
        asked_scope=" ".join(sorted(asked)),
        tools=sorted(allowed),
        redirect_host="",
        client_snapshot={},
        catalogue_hash="0" * 64,
        created_at=NOW,
        updated_at=NOW,
        approved_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )


def names_in(offer: Offer) -> list[str]:
    """Every name on the page, with repetitions."""
    return [tool.name for tool in (*offer.tools, *offer.kept)]


@given(tools(), tools(), ASKED, ASKED, NAMES, st.booleans())
def test_the_page_of_a_later_request_holds_each_tool_once_and_ticks_nothing_by_surprise_a49(
    now: tuple[ToolSummary, ...],
    then: tuple[ToolSummary, ...],
    asked: set[str],
    asked_before: set[str],
    allowed: set[str],
    read_only: bool,
) -> None:
    policy = TenantPolicy(read_only=read_only)
    before = grant(allowed & {tool.name for tool in then}, asked_before)
    offer = make_offer(catalogue(now), asked, policy, before=before, shown_before=catalogue(then))
    shown = names_in(offer)
    judged = {(tool.name, kind_of(tool), tool.scope) for tool in then}

    assert len(shown) == len(set(shown)) <= len(now) - offer.closed
    assert offer.suggested <= offer.names
    # Hidden tools were allowed before and have not changed.
    assert {tool.name for tool in offer.kept} <= set(before.tools)
    for tool in now:
        was_seen = (tool.name, kind_of(tool), tool.scope) in judged
        under_a_scope_of_before = covers(asked_before, tool.scope)
        if tool.name in offer.suggested and tool.name not in before.tools:
            assert not under_a_scope_of_before
        if tool.name in offer.suggested and not was_seen:
            assert not under_a_scope_of_before
        if read_only and not tool.read_only:
            assert tool.name not in shown


@given(tools(), ASKED, st.booleans())
def test_the_first_page_ticks_no_lasting_effect_and_offers_nothing_out_of_reach_a166(
    listed: tuple[ToolSummary, ...], asked: set[str], read_only: bool
) -> None:
    offer = make_offer(catalogue(listed), asked, TenantPolicy(read_only=read_only))

    for tool in offer.tools:
        assert covers(asked, tool.scope)
        assert (tool.name in offer.suggested) is not tool.destructive
    assert len(offer.tools) + offer.out_of_reach + offer.closed == len(listed)
    assert not offer.decided and not offer.kept
    presets = [preset.tools for preset in offer.presets]
    assert all(less < more for less, more in pairwise(presets))
    assert not presets or presets[-1] == offer.names


def test_no_tool_is_compared_with_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offer of thousands of tools would take minutes."""
    listed = tuple(
        ToolSummary(
            name=f"tool_{number}",
            title="",
            description="",
            scope=SCOPES[number % 3],
            read_only=number % 3 == 0,
            destructive=number % 3 == 2,
        )
        for number in range(60)
    )
    compared: list[object] = []
    monkeypatch.setattr(ToolSummary, "__eq__", lambda *both: compared.append(both))

    before, shown = grant({"tool_1", "tool_2"}, {"mcp:read"}), catalogue(listed[:30])
    for scopes in (["mcp:read"], ["mcp:write"]):
        make_offer(catalogue(listed), scopes, TenantPolicy(), before=before, shown_before=shown)

    assert len(compared) <= len(listed)
