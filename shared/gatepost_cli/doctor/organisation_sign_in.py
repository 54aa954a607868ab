"""An app such as Claude whose person signed in at their organisation's provider, such as Okta (ID-JAG).

MCP Enterprise-Managed Authorization: token exchange at the provider, then the JWT bearer grant here.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import click
import httpx2
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from gatepost_cli.doctor.clients import KnownClient
from gatepost_cli.doctor.deployment import INITIALIZE, Seen, describe, is_secure, read_object
from gatepost_cli.doctor.examine import Verdict, reason_of

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANT_PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
_PLAYED = KnownClient("Claude with SSO", registration={}, callback="")


class OrganisationSignIn(BaseModel):
    """The file of `--sso`: an app at the provider and here, and the ID token of one of its people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    """The provider's issuer."""
    provider_client_id: str
    provider_client_secret: SecretStr
    id_token: SecretStr
    """What the provider gave the app when the person signed in."""
    client_id: str
    """The app's id at the authorization server."""
    client_secret: SecretStr | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            click.ClickException: it can't be read, or a member is wrong.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise click.ClickException(f"--sso: {path}: {error.strerror}") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or str(path)
            raise click.ClickException(f"--sso: {place}: {first['msg']}") from None


async def examine_organisation_sign_in(
    sign_in: OrganisationSignIn, seen: Seen, http: httpx2.AsyncClient
) -> Verdict:
    """Do what the app does without a page, up to the first MCP message, and use the assertion twice."""
    problems = list(seen.problems)
    if seen.metadata and not seen.lists("grant_types_supported", JWT_BEARER):
        problems.append(f"grant_types_supported does not list {JWT_BEARER}")
    if seen.metadata and not seen.lists("authorization_grant_profiles_supported", GRANT_PROFILE):
        problems.append(f"authorization_grant_profiles_supported does not list {GRANT_PROFILE}")
    if seen.resource is None:
        problems.append("--resource is missing, which an assertion must name")
    if not problems:
        try:
            problems += await _connect(sign_in, seen, http)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            problems.append(describe(error))
    return Verdict(_PLAYED, "by its organisation's provider", tuple(problems))


async def _connect(sign_in: OrganisationSignIn, seen: Seen, http: httpx2.AsyncClient) -> list[str]:
    place = f"{sign_in.provider.removesuffix('/')}/.well-known/openid-configuration"
    found = await http.get(place)
    document = read_object(found) if found.is_success else None
    endpoint = document.get("token_endpoint") if document is not None else None
    if document is None or document.get("issuer") != sign_in.provider or not is_secure(endpoint):
        return [f"{place} is not the document of this provider"]
    answer = await http.post(
        str(endpoint),
        data={
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": ID_JAG,
            "subject_token": sign_in.id_token.get_secret_value(),
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "audience": seen.issuer,
            "resource": seen.resource or "",
            "client_id": sign_in.provider_client_id,
            "client_secret": sign_in.provider_client_secret.get_secret_value(),
        },
    )
    exchanged = read_object(answer)
    assertion = exchanged.get("access_token") if exchanged is not None else None
    if answer.status_code != 200 or not isinstance(assertion, str):
        return [f"the provider gives no assertion: {reason_of(answer)}"]
    if wrong := list(_judge(assertion, sign_in, seen)):
        return wrong
    return await _use(assertion, sign_in, seen, http)


def _judge(assertion: str, sign_in: OrganisationSignIn, seen: Seen) -> Iterator[str]:
    """Name what the provider must be configured for."""
    parts = [_read(part) for part in assertion.split(".")[:2]]
    if len(parts) != 2:
        yield "the provider's assertion is not a JWT"
        return
    header, claims = parts
    wanted = {
        "aud": seen.issuer,
        "resource": seen.resource,
        "client_id": sign_in.client_id,
        "iss": sign_in.provider,
    }
    if header.get("typ") != "oauth-id-jag+jwt":
        yield f"the provider's assertion has the typ {header.get('typ')!r}"
    for name, value in wanted.items():
        if claims.get(name) != value:
            yield f"{name} of the provider's assertion is {claims.get(name)!r}, not {value!r}"


async def _use(
    assertion: str, sign_in: OrganisationSignIn, seen: Seen, http: httpx2.AsyncClient
) -> list[str]:
    form = {"grant_type": JWT_BEARER, "assertion": assertion, "resource": seen.resource or ""}
    endpoint = str(seen.metadata["token_endpoint"])
    for headers, more in _authentications(sign_in):
        # The client is authenticated before the assertion is used up.
        answer = await http.post(endpoint, data={**form, **more}, headers=headers)
        if answer.status_code != 401:
            break
    token = read_object(answer) or {}
    if answer.status_code != 200 or not isinstance(token.get("access_token"), str):
        return [f"the assertion is refused: {reason_of(answer)}"]
    problems = []
    if "refresh_token" in token:
        problems.append("the answer has a refresh_token, so the provider does not decide again")
    bearer = {
        "authorization": f"Bearer {token['access_token']}",
        "accept": "application/json, text/event-stream",
    }
    begun = await http.post(str(seen.resource), json=INITIALIZE, headers=bearer)
    if not begun.is_success:
        problems.append(f"the MCP endpoint refuses the access token: {reason_of(begun)}")
    again = await http.post(endpoint, data={**form, **more}, headers=headers)
    if (again.status_code, (read_object(again) or {}).get("error")) != (400, "invalid_grant"):
        problems.append("an assertion can be used twice")
    return problems


def _authentications(
    sign_in: OrganisationSignIn,
) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
    """Yield the headers and fields of each way in which the app may be registered to authenticate."""
    if sign_in.client_secret is None:
        yield {}, {"client_id": sign_in.client_id}
        return
    secret = sign_in.client_secret.get_secret_value()
    pair = f"{quote(sign_in.client_id, safe='')}:{quote(secret, safe='')}"
    yield {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
    yield {}, {"client_id": sign_in.client_id, "client_secret": secret}


def _read(part: str) -> Mapping[str, Any]:
    try:
        padded = part + "=" * (-len(part) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
