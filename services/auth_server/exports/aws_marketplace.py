"""Export usage to AWS Marketplace."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import orjson

from auth_server.exports.aws_signing import NoCredentials, Sign
from auth_server.exports.http import NOT_SENT
from auth_server.exports.port import COUNTED, Attempt, Kind, Rules, Usage

_TARGET = "AWSMPMeteringService.BatchMeterUsage"
_MOST_UNITS = 2_147_483_647
_ACCOUNT = re.compile(r"\d{12}")
# These are mended by the operator or by time, and the usage still counts then.
_LATER = frozenset(
    {
        "DisabledApiException", "ExpiredTokenException", "AccessDeniedException",
        "InvalidSignatureException", "MissingAuthenticationTokenException", "ThrottlingException",
        "UnrecognizedClientException", "RequestExpired",
    }
)  # fmt: skip


class _Key(NamedTuple):
    """What tells records apart: there is one for a customer, a dimension and an hour."""

    customer: str
    licence: str
    dimension: str
    at: int


class AwsMarketplace:
    """Reports records with `BatchMeterUsage`, one for each hour, customer and dimension.

    AWS counts identical records once and accepts them for less than six hours. Products made since
    June 2026 name the customer's account and licence; others also name their product code.
    """

    name = "aws_marketplace"
    rules = Rules(
        recognises=timedelta(hours=24),
        accepts=timedelta(hours=5),
        batch=25,
        once_an_hour=True,
    )

    def __init__(
        self,
        http: httpx2.AsyncClient,
        url: str,
        *,
        sign: Sign,
        dimensions: Mapping[str, str],
        product_code: str | None = None,
    ) -> None:
        """Take how to reach AWS, the dimension of each meter, and the code of an older product."""
        self._http = http
        self._url = url
        self._sign = sign
        self._dimensions = dimensions
        self._product_code = product_code

    def name_of(self, meter: str) -> str:
        """Return the meter's dimension."""
        return self._dimensions.get(meter, meter)

    async def send(self, batch: Sequence[Usage]) -> Mapping[str, Attempt]:
        """Report the records; those with a licence and those without take a request each."""
        attempts: dict[str, Attempt] = {}
        for licensed in (True, False):
            group = []
            for usage in batch:
                if usage.units > _MOST_UNITS:
                    problem = f"AWS takes at most {_MOST_UNITS} units in an hour"
                    attempts[usage.identifier] = Attempt(Kind.REFUSED, problem)
                elif bool(usage.customer.licence) is licensed:
                    group.append(usage)
            if group:
                attempts |= await self._report(group, licensed)
        return attempts

    async def read_total(
        self, customer: str, name: str, *, since: datetime, until: datetime
    ) -> int | None:
        """Return None, because AWS shows totals only in its reports."""
        return None

    async def _report(self, group: Sequence[Usage], licensed: bool) -> dict[str, Attempt]:
        attempts = await self._try(group, licensed)
        if len(group) > 1 and all(one.kind is Kind.REFUSED for one in attempts.values()):
            # AWS refuses a request as a whole if one record is malformed.
            for usage in group:
                attempts |= await self._try([usage], licensed)
        return attempts

    async def _try(self, group: Sequence[Usage], licensed: bool) -> dict[str, Attempt]:
        request: dict[str, Any] = {"UsageRecords": [self._record(usage) for usage in group]}
        if not licensed:
            request["ProductCode"] = self._product_code or ""
        identifiers = [usage.identifier for usage in group]
        body = orjson.dumps(request)
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": _TARGET}
        try:
            signed = await self._sign(self._url, body, headers)
            answer = await self._http.post(self._url, content=body, headers=signed)
        except NoCredentials as error:
            return dict.fromkeys(identifiers, Attempt(Kind.LATER, str(error)))
        except NOT_SENT as error:
            problem = f"no connection: {type(error).__name__}"
            return dict.fromkeys(identifiers, Attempt(Kind.LATER, problem))
        except httpx2.HTTPError as error:
            problem = f"no answer: {type(error).__name__}"
            return dict.fromkeys(identifiers, Attempt(Kind.UNKNOWN, problem))
        if answer.status_code != 200:
            return dict.fromkeys(identifiers, _read_error(answer))
        results = _read_results(answer)
        return {
            usage.identifier: results.get(_key_of(self._record(usage)), Attempt(Kind.UNKNOWN))
            for usage in group
        }

    def _record(self, usage: Usage) -> dict[str, Any]:
        account = bool(_ACCOUNT.fullmatch(usage.customer.name))
        customer = "CustomerAWSAccountId" if account else "CustomerIdentifier"
        licence = {"LicenseArn": usage.customer.licence} if usage.customer.licence else {}
        return {
            "Timestamp": int(usage.at.timestamp()),
            customer: usage.customer.name,
            "Dimension": self.name_of(usage.meter),
            "Quantity": usage.units,
            **licence,
        }


def _key_of(record: Mapping[str, Any]) -> _Key:
    at = record["Timestamp"]
    if isinstance(at, str):
        at = datetime.fromisoformat(at).astimezone(UTC).timestamp()
    return _Key(
        record.get("CustomerAWSAccountId") or record.get("CustomerIdentifier") or "",
        record.get("LicenseArn") or "",
        record["Dimension"],
        int(at),
    )


def _read_results(answer: httpx2.Response) -> dict[_Key, Attempt]:
    """Read what happened to each record; one that the answer leaves out is not known."""
    attempts = {}
    try:
        for result in orjson.loads(answer.content).get("Results") or ():
            status = result.get("Status")
            attempts[_key_of(result["UsageRecord"])] = (
                COUNTED if status == "Success" else Attempt(Kind.REFUSED, str(status))
            )
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    return attempts


def _read_error(answer: httpx2.Response) -> Attempt:
    try:
        name = str(orjson.loads(answer.content).get("__type", "")).rpartition("#")[2]
    except (ValueError, AttributeError):
        name = ""
    problem = name or f"status {answer.status_code}"
    if name in _LATER or answer.status_code in (403, 429):
        return Attempt(Kind.LATER, problem)
    return Attempt(Kind.REFUSED if 400 <= answer.status_code < 500 else Kind.UNKNOWN, problem)
