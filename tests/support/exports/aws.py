"""AWS Marketplace's metering, as its documentation describes it."""

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth_server.exports.aws_marketplace import AwsMarketplace
from auth_server.exports.aws_signing import make_signer
from auth_server.exports.port import Customer, UsageExporter
from support.exports.network import Network
from support.in_process.clock import Clock

REGION = "us-east-1"
URL = f"https://metering.marketplace.{REGION}.amazonaws.com/"
PRODUCT = "product1"
DIMENSION = "units"
_KEY = "AKIDEXAMPLE"
_SECRET = "wJalrXUtnFEMI"
_TARGET = "AWSMPMeteringService.BatchMeterUsage"


class FakeAws:
    """Keeps one record for each customer, dimension and time; the same record again changes nothing."""

    def __init__(self, clock: Clock, *, licensed: bool) -> None:
        """Start without subscribers."""
        from botocore.credentials import Credentials

        self._clock = clock
        self._licensed = licensed
        self._subscribers: set[tuple[str, str]] = set()
        self.records: dict[tuple[str, str, str, int], int] = {}
        self.leave_out = 0
        """How many of the next records stay unprocessed."""
        app = Starlette(routes=[Route("/", self._meter, methods=["POST"])])
        self.network = Network(httpx2.ASGITransport(app=app))
        self._http = httpx2.AsyncClient(transport=self.network)
        self.exporter: UsageExporter = AwsMarketplace(
            self._http,
            URL,
            sign=make_signer(REGION, Credentials(_KEY, _SECRET)),
            dimensions={"calls": DIMENSION},
            product_code=None if licensed else PRODUCT,
        )

    async def join(self, tenant_id: str) -> Customer:
        """Subscribe a tenant."""
        number = len(self._subscribers) + 1
        if self._licensed:
            arn = f"arn:aws:license-manager::123456789012:license:l-{number}"
            customer = Customer(f"{number:012d}", arn)
        else:
            customer = Customer(f"customer{tenant_id}")
        self._subscribers.add((customer.name, customer.licence))
        return customer

    def total(self, customer: Customer) -> int:
        """Sum a customer's records."""
        who = (customer.name, customer.licence)
        return sum(units for key, units in self.records.items() if key[:2] == who)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _meter(self, request: Request) -> Response:
        body = await request.body()
        if not _is_signed(request, body):
            return JSONResponse({"__type": "InvalidSignatureException"}, 403)
        if request.headers["x-amz-target"] != _TARGET:
            return JSONResponse({"__type": "UnknownOperationException"}, 400)
        asked = await request.json()
        records = asked["UsageRecords"]
        if problem := self._find_problem(asked, records):
            return JSONResponse({"__type": f"com.amazonaws.marketplace#{problem}"}, 400)
        results, unprocessed = [], []
        for record in records:
            if self.leave_out:
                self.leave_out -= 1
                unprocessed.append(record)
            else:
                results.append({"UsageRecord": record, "Status": self._take(record)})
        return JSONResponse({"Results": results, "UnprocessedRecords": unprocessed})

    def _find_problem(self, asked: dict[str, Any], records: list[dict[str, Any]]) -> str:
        now = self._clock().timestamp()
        if not 1 <= len(records) <= 25:
            return "ValidationException"
        for record in records:
            if not 0 <= record["Quantity"] <= 2_147_483_647 or record["Dimension"] != DIMENSION:
                return "InvalidUsageDimensionException"
            if not now - 6 * 3600 < record["Timestamp"] <= now:
                return "TimestampOutOfBoundsException"
            if ("LicenseArn" in record) != self._licensed:
                return "InvalidLicenseException"
            if ("CustomerAWSAccountId" in record) == ("CustomerIdentifier" in record):
                return "InvalidCustomerIdentifierException"
        expected = None if self._licensed else PRODUCT
        return "" if asked.get("ProductCode") == expected else "InvalidProductCodeException"

    def _take(self, record: dict[str, Any]) -> str:
        name = record.get("CustomerAWSAccountId") or record["CustomerIdentifier"]
        who = (name, record.get("LicenseArn", ""))
        if who not in self._subscribers:
            return "CustomerNotSubscribed"
        key = (*who, record["Dimension"], record["Timestamp"])
        known = self.records.setdefault(key, record["Quantity"])
        return "Success" if known == record["Quantity"] else "DuplicateRecord"


def _is_signed(request: Request, body: bytes) -> bool:
    """Verify Signature Version 4 step by step, as its documentation describes it."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme != "AWS4-HMAC-SHA256" or "SignedHeaders" not in parts:
        return False
    at = request.headers["x-amz-date"]
    names = parts["SignedHeaders"].split(";")
    lines = [f"{name}:{request.headers[name].strip()}\n" for name in names]
    digest = hashlib.sha256(body).hexdigest()
    path = urlsplit(str(request.url)).path or "/"
    canonical = "\n".join(["POST", path, "", "".join(lines), ";".join(names), digest])
    scope = f"{at[:8]}/{REGION}/aws-marketplace/aws4_request"
    asked = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{asked}"
    key = f"AWS4{_SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return parts["Credential"] == f"{_KEY}/{scope}" and parts["Signature"] == signature
