"""The gateway's requests to the authorization server over HTTP."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import orjson
import structlog
from pydantic import ValidationError

from gatepost.api_keys import ACCESS_TOKEN_TYPE, API_KEY_TYPE, TOKEN_EXCHANGE
from gatepost.approvals import APPROVALS_PATH, ApprovableCall, ApprovalAnswer, ApprovalState
from gatepost.health import REPORTS_PATH, GatewayReport
from gatepost.linked_tokens import LINKED_TOKENS_PATH, AskedToken, LinkedTokenAnswer
from gatepost.metering.call_event import EVENTS_PATH
from gatepost.metering.plans import PLANS_PATH, USAGE_PATH, UsedUnits
from gatepost.network.organisation_address import organisation_prefix
from gatepost.revocations import REVOCATIONS_PATH
from mcp_gateway.auth.api_keys import ExchangeFailed, KeyRefused
from mcp_gateway.auth.jwks import KeysUnavailable
from mcp_gateway.call_events.port import DeliveryFailed
from mcp_gateway.elicitation.approvals import ApprovalUnknown
from mcp_gateway.follow_feed import FeedBroken
from mcp_gateway.http_client.port import HttpClient, HttpResponse, RequestFailed
from mcp_gateway.limits.port import UsageUnknown
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.credentials.linked_account import LinkUnknown

Prove = Callable[[], Mapping[str, str]]
"""Makes the parameters that authenticate one request."""

_EXCHANGE_SECONDS = 20.0
"""Longer than a request waits, so that a slow answer still serves the requests after it."""
_LINK_SECONDS = 25.0
"""Longer than the authorization server waits for a provider."""
_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
_JSON = (("Content-Type", "application/json"),)

log = structlog.get_logger()


class ReportFailed(Exception):
    """The state of this process was not reported; the message is for the log."""


class AuthorizationServer:
    """A client of the authorization server."""

    def __init__(
        self, http: HttpClient, *, resource: str, url: str, jwks_url: str, prove: Prove
    ) -> None:
        """Take the HTTP client, the gateway's resource, the URLs, and the function that authenticates a request."""
        self._http = http
        self._organisations = organisation_prefix(resource)
        self._url = url
        self._jwks_url = jwks_url
        self._prove = prove

    async def fetch_keys(self) -> bytes:
        """Fetch the JWK set of its signing keys.

        Raises:
            KeysUnavailable: there was no answer, or its status was not 200.
        """
        # A cache on the way must not answer: a key that has just appeared may be wanted.
        request = HttpRequest("GET", self._jwks_url, (("Cache-Control", "no-cache"),), b"")
        response = await self._send(request, 5, KeysUnavailable)
        if response.status != 200:
            raise KeysUnavailable(f"{self._jwks_url} answered {response.status}")
        return response.body

    async def post_events(self, body: bytes) -> int:
        """Post call events, which include their proof of the sender; return the status.

        Raises:
            DeliveryFailed: there was no answer.
        """
        request = HttpRequest("POST", self._url + EVENTS_PATH, _JSON, body)
        return (await self._send(request, 30, DeliveryFailed)).status

    async def post_report(self, report: GatewayReport) -> None:
        """Report the state of this process.

        Raises:
            ReportFailed: there was no answer, or its status was not 204; the message has its reason.
        """
        body = orjson.dumps({**self._prove(), "report": report.model_dump(mode="json")})
        request = HttpRequest("POST", self._url + REPORTS_PATH, _JSON, body)
        response = await self._send(request, 10, ReportFailed)
        if response.status != 204:
            said = response.body[:300].decode(errors="replace")
            raise ReportFailed(f"{self._url}{REPORTS_PATH} answered {response.status}: {said}")

    async def ask_for_approval(self, call: ApprovableCall) -> ApprovalState:
        """Tell whether an admin approved a call, which asks them if nobody did yet.

        Raises:
            ApprovalUnknown: there was no answer, or it was not one of an approval.
        """
        body = orjson.dumps({**self._prove(), "call": call.model_dump()})
        request = HttpRequest("POST", self._url + APPROVALS_PATH, _JSON, body)
        response = await self._send(request, 5, ApprovalUnknown)
        if response.status != 200:
            raise ApprovalUnknown(f"{self._url}{APPROVALS_PATH} answered {response.status}")
        try:
            return ApprovalAnswer.model_validate_json(response.body).state
        except ValidationError:
            raise ApprovalUnknown(f"{self._url}{APPROVALS_PATH} answered something else") from None

    async def fetch_linked_token(self, asked: AskedToken) -> LinkedTokenAnswer:
        """Fetch the token of the account that a caller has linked.

        Raises:
            LinkUnknown: there was no answer, or it was not one about a linked account.
        """
        body = orjson.dumps({**self._prove(), "link": asked.model_dump()})
        request = HttpRequest("POST", self._url + LINKED_TOKENS_PATH, _JSON, body)
        try:
            response = await self._send(request, _LINK_SECONDS, LinkUnknown)
            if response.status != 200:
                raise LinkUnknown(f"{request.url} answered {response.status}")
            return LinkedTokenAnswer.model_validate_json(response.body)
        except ValidationError:
            reason = f"{request.url} answered something else"
        except LinkUnknown as problem:
            reason = str(problem)
        log.warning("linked_token_unavailable", provider=asked.provider, reason=reason)
        raise LinkUnknown(reason)

    async def exchange_api_key(self, key: str, organisation: str) -> bytes:
        """Exchange an API key for an access token (RFC 8693).

        With an `organisation`, the token is for the organisation's address.

        Raises:
            KeyRefused: the authorization server refused the key.
            ExchangeFailed: there was no answer, or it does not tell whether the key is valid.
        """
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": key,
            "subject_token_type": API_KEY_TYPE,
            "requested_token_type": ACCESS_TOKEN_TYPE,
        }
        if organisation:
            form["resource"] = self._organisations + organisation
        response = await self._post_form("/token", form, _EXCHANGE_SECONDS, ExchangeFailed)
        answer = _parse(response.body)
        token = answer.get("access_token")
        if response.status == 200 and isinstance(token, str) and token.isascii():
            return token.encode()
        if response.status == 400 and answer.get("error") == "invalid_grant":
            raise KeyRefused
        # Any other answer concerns this gateway or the server, not the key.
        reason = f"{response.status} {str(answer.get('error', ''))[:100]}".strip()
        log.warning("api_key_not_exchanged", reason=reason)
        raise ExchangeFailed(reason)

    async def follow_revocations(self, after: str, wait: int) -> bytes:
        """Request the revocations after a position, waiting `wait` seconds for the first.

        Raises:
            FeedBroken: there was no answer, or its status was not 200.
        """
        form = {"after": after, "wait": str(wait)}
        response = await self._post_form(REVOCATIONS_PATH, form, wait + 10, FeedBroken)
        if response.status != 200:
            raise FeedBroken(f"{self._url}{REVOCATIONS_PATH} answered {response.status}")
        return response.body

    async def follow_plans(self, after: str, wait: int) -> bytes:
        """Request the plans and the tenants after a position, waiting `wait` seconds for news.

        Raises:
            FeedBroken: there was no answer, or its status was not 200.
        """
        form = {"after": after, "wait": str(wait)}
        response = await self._post_form(PLANS_PATH, form, wait + 10, FeedBroken)
        if response.status != 200:
            raise FeedBroken(f"{self._url}{PLANS_PATH} answered {response.status}")
        return response.body

    async def read_usage(self, tenant_id: str, month: str, env: str) -> UsedUnits:
        """Read the units that a tenant has used in a month.

        Raises:
            UsageUnknown: there was no answer, or it was not one of used units.
        """
        form = {"tenant_id": tenant_id, "month": month, "env": env}
        response = await self._post_form(USAGE_PATH, form, 2, UsageUnknown)
        if response.status != 200:
            raise UsageUnknown(f"{self._url}{USAGE_PATH} answered {response.status}")
        try:
            return UsedUnits.model_validate_json(response.body)
        except ValidationError:
            raise UsageUnknown(f"{self._url}{USAGE_PATH} answered something else") from None

    async def _post_form(
        self,
        path: str,
        form: Mapping[str, str],
        deadline: float,
        failed: Callable[[str], Exception],
    ) -> HttpResponse:
        body = urlencode({**self._prove(), **form}).encode()
        return await self._send(
            HttpRequest("POST", self._url + path, _FORM, body), deadline, failed
        )

    async def _send(
        self, request: HttpRequest, deadline: float, failed: Callable[[str], Exception]
    ) -> HttpResponse:
        try:
            return await self._http.send(request, deadline=deadline)
        except RequestFailed as failure:
            raise failed(f"{request.url}: {failure.reason}") from failure


def _parse(body: bytes) -> Mapping[str, object]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
