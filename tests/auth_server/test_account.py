"""The account pages: who may see them, and what their forms are bound to."""

from support.auth_server import AuthServer


async def test_a_stranger_is_led_to_sign_in_and_told_where_they_wanted_to_go(
    table_server: AuthServer,
) -> None:
    answer = await table_server.browser().post(
        "/account/sign-out", data={"proof": "none"}, headers={"sec-fetch-site": "same-origin"}
    )

    assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")
    assert answer.headers["location"] == "/sign-in?return_to=%2Faccount%2Fapps"


async def test_a_sign_out_that_the_page_did_not_make_is_refused_a40(
    table_server: AuthServer,
) -> None:
    person = table_server.person()
    client = await table_server.client()
    consent = await person.reach_consent(client.authorize_url())

    for proof in ("", "made-up", consent.forms["sign-out"].fields["proof"]):
        page = await person.send(consent, "/account/sign-out", [("proof", proof)])
        assert (page.status, "Nothing was changed" in page.text) == (403, True)

    again = await person.open(client.authorize_url())
    assert "/consent" in again.url or "/tenant" in again.url


async def test_static_files_are_kept_for_good_under_a_name_that_changes_with_them(
    table_server: AuthServer,
) -> None:
    files = table_server.opened.pages.static
    for plain in files.files:
        name = files.name(plain)
        answer = await table_server.http.get(f"/static/{name}")
        assert answer.content == files.files[plain].content
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        # A page of another version of this service, while it is being updated.
        other = await table_server.http.get(
            f"/static/{name.replace(files.files[plain].hash, '0' * 12)}"
        )
        assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
        assert (await table_server.http.get(f"/static/{plain}")).status_code == 404
    for nothing in ("..%2f..%2fsettings.py", "gatepost.css", "%00", "x-000000000000.css"):
        assert (await table_server.http.get(f"/static/{nothing}")).status_code == 404
