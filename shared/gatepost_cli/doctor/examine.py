"""One known client at a deployment: everything it does before a person signs in."""

import base64
import hashlib
import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2

from gatepost_cli.doctor.clients import KnownClient
from gatepost_cli.doctor.deployment import PROTOCOL, Seen, describe, is_secure, read_object
from gatepost_cli.doctor.registrations import Registrations


@dataclass(frozen=True, slots=True)
class Verdict:
    """One client's result: how the server learns of it (`way`); without problems it can connect."""

    client: KnownClient
    way: str
    problems: tuple[str, ...]


async def examine(
    client: KnownClient, seen: Seen, http: httpx2.AsyncClient, registrations: Registrations
) -> Verdict:
    """Send the client's requests.

    Args:
        client: the client whose requests to send.
        seen: the deployment's metadata.
        http: does not follow redirects; its cookies are cleared.
        registrations: registers the client and deletes it later.
    """
    problems = list(seen.problems)
    if not seen.metadata:
        return Verdict(client, "", tuple(problems))
    try:
        if client.origin is not None:
            problems += await _try_cors(client.origin, seen, http)
        documents = seen.metadata.get("client_id_metadata_document_supported") is True
        public = seen.lists("token_endpoint_auth_methods_supported", "none")
        by_document = client.document is not None and documents and public
        endpoint = seen.metadata.get("registration_endpoint")
        if is_secure(endpoint):
            answer = await registrations.register(str(endpoint), client.registration)
            problems += await _try_registered(client, answer, seen, http)
        elif not by_document:
            problems.append(_why_nobody_knows_it(client, documents=documents))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return Verdict(client, "", (*problems, describe(error)))
    way = "by its metadata document" if by_document else "by registering itself"
    return Verdict(client, way, tuple(problems))


def _why_nobody_knows_it(client: KnownClient, *, documents: bool) -> str:
    if client.document is None:
        return "there is no registration_endpoint, and this client needs one"
    if documents:
        return (
            "there is no registration_endpoint, and it uses its metadata document only where "
            "token_endpoint_auth_methods_supported lists none"
        )
    return (
        "there is no registration_endpoint, and client_id_metadata_document_supported is not true"
    )


async def _try_cors(origin: str, seen: Seen, http: httpx2.AsyncClient) -> list[str]:
    problems = []
    posted = [seen.metadata.get(name) for name in ("registration_endpoint", "token_endpoint")]
    calls = [(place, "GET", "mcp-protocol-version") for place in seen.places]
    calls += [(url, "POST", "content-type") for url in posted if isinstance(url, str)]
    for url, method, header in calls:
        asked = {
            "origin": origin,
            "access-control-request-method": method,
            "access-control-request-headers": header,
        }
        preflight = await http.options(url, headers=asked)
        allowed = preflight.headers.get("access-control-allow-headers", "").lower()
        # A simple method needs no listing (Fetch standard, CORS-preflight fetch).
        if not preflight.is_success or not _lets_read(preflight, origin):
            problems.append(f"{url}: the CORS preflight of {origin} is refused")
        elif header not in allowed and allowed.strip() != "*":
            problems.append(f"{url}: CORS does not allow the header {header}")
        elif method == "GET":
            answer = await http.get(url, headers={"origin": origin, **PROTOCOL})
            if not _lets_read(answer, origin):
                problems.append(f"{url}: the answer has no Access-Control-Allow-Origin")
    return problems


def _lets_read(answer: httpx2.Response, origin: str) -> bool:
    return answer.headers.get("access-control-allow-origin") in {"*", origin}


async def _try_registered(
    client: KnownClient, answer: httpx2.Response, seen: Seen, http: httpx2.AsyncClient
) -> list[str]:
    registered = read_object(answer)
    if answer.status_code not in {200, 201}:
        return [f"registration is refused: {reason_of(answer)}"]
    if registered is None or not isinstance(registered.get("client_id"), str):
        return ["the answer to the registration has no client_id"]
    problems = _judge_registration(client, registered)
    return problems + await _try_authorization(client, str(registered["client_id"]), seen, http)


def _judge_registration(client: KnownClient, registered: Mapping[str, Any]) -> list[str]:
    problems = []
    if registered.get("redirect_uris") != client.registration["redirect_uris"]:
        problems.append("registration changed its redirect_uris")
    asked = client.registration.get("token_endpoint_auth_method")
    given = registered.get("token_endpoint_auth_method", "client_secret_basic")
    if asked is not None and given != asked:
        problems.append(f"registration sets {given}, but the client authenticates with {asked}")
    if given == "none" and "client_secret" in registered:
        problems.append("registration gives a public client a secret")
    if "client_secret" in registered and "client_secret_expires_at" not in registered:
        problems.append(
            "registration gives a secret without client_secret_expires_at (RFC 7591 section 3.2.1)"
        )
    if "refresh_token" not in registered.get("grant_types", ["refresh_token"]):
        problems.append("registration removes the refresh_token grant type: people sign in often")
    return problems


async def _try_authorization(
    client: KnownClient, client_id: str, seen: Seen, http: httpx2.AsyncClient
) -> list[str]:
    digest = hashlib.sha256(secrets.token_urlsafe(48).encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": client.callback,
        "state": secrets.token_urlsafe(16),
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if seen.resource is not None:
        query["resource"] = seen.resource
    scopes = (seen.scope or "").split()
    if client.offline and seen.lists("scopes_supported", "offline_access"):
        scopes.append("offline_access")
        query["prompt"] = "consent"
    if scopes:
        query["scope"] = " ".join(scopes)
    endpoint = str(seen.metadata["authorization_endpoint"])
    url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"
    # Twice, because some clients request the link before they open it in the browser.
    for _ in range(2):
        refusal = await _reach_sign_in(url, client, http)
        if refusal is not None:
            return [f"authorization of {client.callback} is refused: {refusal}"]
    return []


async def _reach_sign_in(url: str, client: KnownClient, http: httpx2.AsyncClient) -> str | None:
    http.cookies.clear()
    origin = urlsplit(url)[:2]
    for _ in range(10):
        answer = await http.get(url)
        if answer.status_code not in {302, 303, 307, 308}:
            return None if answer.is_success else reason_of(answer, client.callback)
        url = urljoin(url, answer.headers.get("location", ""))
        if url.startswith(client.callback):
            return _error_in(url)
        if urlsplit(url)[:2] != origin:
            return None  # people sign in elsewhere
    return "it redirects endlessly"


def reason_of(answer: httpx2.Response, callback: str | None = None) -> str:
    """Describe a refusal: the OAuth error, where there is one, and else the status."""
    document = read_object(answer)
    if document is not None:
        said = [str(document[k])[:200] for k in ("error", "error_description") if k in document]
        return f"status {answer.status_code} {' '.join(said)}".strip()
    if callback is not None:
        # The page links to the redirect URI with the error instead of redirecting.
        page = html.unescape(answer.text)
        place = page.find(f'"{callback}')
        if place >= 0:
            return _error_in(page[place + 1 :].partition('"')[0])
    return f"status {answer.status_code}"


def _error_in(url: str) -> str:
    sent = parse_qs(urlsplit(url).query)
    return " ".join((*sent.get("error", ["?"]), *sent.get("error_description", [])))
