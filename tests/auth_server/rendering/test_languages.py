"""The pages are in the reader's language, and every text has a German translation."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader

import auth_server
from auth_server.rendering.languages import match_language, parse_accept_language
from auth_server.rendering.render import TEMPLATES, open_pages, template_environment
from auth_server.rendering.static import UnusableFile
from auth_server.rendering.translation import load_translations
from auth_server.settings import AuthServerSettings, ResourceSettings
from support.in_process.auth_server import (
    ISSUER,
    RESOURCE,
    SECRET_KEY,
    AuthServer,
    running_auth_server,
)
from support.in_process.clock import Clock

GERMAN_BUTTON = "Anmelden"
MARKS_A_TEXT = {"translatable", "PageError", "FormProof", "ChangeRefused", "UnusablePolicy"}


def texts_of_templates() -> set[tuple[str, str]]:
    """Every text that a template marks, with the template's name."""
    environment: Any = template_environment()
    found = set()
    for path in (*TEMPLATES.rglob("*.html"), *TEMPLATES.glob("mail/*.txt")):
        source = path.read_text(encoding="utf-8")
        for _, _, message in environment.extract_translations(source):
            texts = message if isinstance(message, tuple) else (message,)
            # A call whose argument is not a literal is extracted as None.
            assert texts[0] is not None, (
                f"{path.name}: _() takes a literal; a value is | translated"
            )
            found.add((path.name, texts[0]))
    return found


def texts_of_code() -> set[tuple[str, str]]:
    """Every text that the code hands to people, with the module's name."""
    found = set()
    for path in Path(auth_server.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in MARKS_A_TEXT
            ):
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found.add((path.name, argument.value))
    return found


def test_every_text_of_a_template_has_a_german_one() -> None:
    german = load_translations(None)["de"].texts
    assert sorted(where for where in texts_of_templates() if where[1] not in german) == []


def test_every_text_that_the_code_hands_to_people_has_a_german_one() -> None:
    german = load_translations(None)["de"].texts
    assert sorted(where for where in texts_of_code() if where[1] not in german) == []


def test_no_text_is_translated_twice() -> None:
    """The later of two translations of one text would win unnoticed."""
    source = (Path(auth_server.__file__).parent / "rendering/translations/de.yaml").read_bytes()
    file: Any = yaml.compose(source)
    [texts] = [value for key, value in file.value if key.value == "texts"]
    named = [key.value for key, _ in texts.value]
    assert sorted({text for text in named if named.count(text) > 1}) == []


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.8,en;q=0.5", "de"),
        ("fr-FR,de;q=0.4", "de"),
        ("en;q=0.5,de;q=0.9", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("DE-de", "de"),
        ("fr", "en"),
        ("de;q=0", "en"),
        ("*", "en"),
        (";;;,q=,de;q=x", "en"),
        ("", "en"),
    ],
)
async def test_a_page_is_in_the_language_that_the_browser_prefers(
    table_server: AuthServer, header: str, language: str
) -> None:
    client, person = await table_server.client(), table_server.person()
    person.http.headers["accept-language"] = header

    page = await person.open(client.authorize_url())

    assert f'<html lang="{language}">' in page.html
    assert page.headers["content-language"] == language
    assert (GERMAN_BUTTON in page.text) is (language == "de")


async def test_the_language_of_a_link_counts_for_the_answers_to_what_the_person_posts(
    sqlite_server: AuthServer,
) -> None:
    person = sqlite_server.person()
    await person.sign_in(await person.open("/account/apps"))
    person.http.headers["accept-language"] = "en"
    page = await person.open("/device?ui_locales=de")

    answer = await person.press(page, "Weiter", fill={"code": "BBBB-BBBB"})

    assert '<html lang="de">' in answer.html


async def test_an_app_that_names_a_language_is_listened_to_on_every_page(
    sqlite_server: AuthServer,
) -> None:
    """OpenID Connect Core §3.1.2.1: `ui_locales`, in order of preference."""
    client, person = await sqlite_server.client(), sqlite_server.person()
    person.http.headers["accept-language"] = "en"
    sign_in = await person.open(client.authorize_url(ui_locales="xx de-CH en"))

    tenant = await person.press(
        sign_in, "Anmelden", fill={"email": person.email, "password": person.password}
    )
    consent = await person.press(tenant, "Acme")
    left = await person.press(consent, "Erlauben")

    for page in (sign_in, tenant, consent, left):
        assert '<html lang="de">' in page.html
    assert (
        "<strong>Test client</strong> möchte in Ihrem Namen auf <strong>Orbit</strong>"
        in consent.html
    )
    assert "Test client ist verbunden" in left.text


async def test_a_name_with_markup_stays_text_in_every_language(sqlite_server: AuthServer) -> None:
    client = await sqlite_server.client(client_name="<b>%(email)s</b> & Co")
    for header in ("en", "de"):
        person = sqlite_server.person()
        person.http.headers["accept-language"] = header
        page = await person.open(client.authorize_url())
        assert "&lt;b&gt;%(email)s&lt;/b&gt; &amp; Co" in page.html


async def test_an_operator_adds_a_language_and_changes_words(
    tmp_path: Path, sqlite_url: str, clock: Clock
) -> None:
    (tmp_path / "en.yaml").write_text("name: English\ntexts: {Password: Pass phrase}\n")
    (tmp_path / "nl.yaml").write_text("name: Nederlands\ntexts: {Password: Wachtwoord}\n")
    async with running_auth_server(sqlite_url, clock, translations=tmp_path) as server:
        client = await server.client()
        seen = {}
        for language in ("en", "nl", "de"):
            person = server.person()
            seen[language] = await person.open(client.authorize_url(ui_locales=language))

    assert "Pass phrase" in seen["en"].text
    assert "Wachtwoord" in seen["nl"].text
    assert "E-mail address" in seen["nl"].text  # untranslated texts stay English
    assert "Passwort" in seen["de"].text


def test_python_still_compiles_plural_rules(tmp_path: Path) -> None:
    """`gettext.c2py` is undocumented. If Python drops it, rendering/translation.py needs another.

    The rule is Polish, as gettext's manual has it.
    """
    rule = "n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2"
    forms = {"%(num)s key": ["%(num)s klucz", "%(num)s klucze", "%(num)s kluczy"]}
    content = {"name": "polski", "plural": rule, "texts": forms}
    (tmp_path / "pl.yaml").write_text(json.dumps(content), encoding="utf-8")

    polish = load_translations(tmp_path)["pl"]

    told = [polish.ngettext("%(num)s key", "", n).split()[1] for n in (1, 2, 5, 12, 22)]
    assert told == ["klucz", "klucze", "kluczy", "kluczy", "klucze"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("de.yaml", "texts: {}", "Field required"),
        ("de.yaml", "name: x\ntexts: {'%(a)s': '%(b)s'}", "placeholders"),
        ("de.yaml", "name: x\ntexts: {a: 100 %}", "no other %"),
        ("de.yaml", "name: x\nplural: import os\ntexts: {}", "plural"),
        ("de.yaml", "name: x\ntexts: {a: [1]}", "string"),
        ("de.yaml", ": :", "de.yaml"),
        ("Übersicht.yaml", "name: x\ntexts: {}", "not a language tag"),
    ],
)
def test_a_file_of_texts_that_would_break_a_page_is_refused_at_the_start(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UnusableFile) as refused:
        load_translations(tmp_path)
    assert says in str(refused.value)


@given(st.text(), st.sets(st.sampled_from(["en", "de", "pt-br"])))
def test_no_header_breaks_the_choice_of_a_language(header: str, known: set[str]) -> None:
    assert match_language(parse_accept_language(header), known) in {None, *known}


def test_no_language_is_compiled_into_the_code_that_all_languages_share() -> None:
    """Jinja runs a filter of a constant while it compiles, unless the filter takes the context."""
    environments = open_pages(
        AuthServerSettings(
            issuer=ISSUER,
            secret_key=SECRET_KEY,
            database_url="sqlite+aiosqlite://",
            resources=(ResourceSettings(resource=RESOURCE),),
        )
    ).environments
    for environment in environments.values():
        environment.loader = DictLoader({"x": "{{ 'Sign in' | translated }} {{ '0.5' | decimal }}"})
    written = {tag: one.get_template("x").render() for tag, one in environments.items()}
    assert (written["en"], written["de"]) == ("Sign in 0.5", "Anmelden 0,5")
