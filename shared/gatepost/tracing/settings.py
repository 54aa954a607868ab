"""The settings of traces, which both services have."""

import re
from importlib.util import find_spec
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def _require_collector(url: str) -> str:
    if not _URL.fullmatch(url):
        raise ValueError(
            "must be the http or https URL of a collector, such as http://127.0.0.1:4318/v1/traces, "
            "without a password or a query"
        )
    return url


class TracingSettings(BaseModel):
    """Which requests are recorded, and where their spans are sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    endpoint: Annotated[str, AfterValidator(_require_collector)]
    """The URL that takes spans as OTLP over HTTP."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Headers sent to it, such as its API key."""
    sample: float = Field(default=0.01, ge=0, le=1)
    """The share of requests that are recorded."""
    asked_per_minute: int = Field(default=60, ge=0, le=1_000_000)
    """How many more requests a minute are recorded because their caller asked for it."""
    service_name: str = ""
    """The name of the service in traces."""

    @model_validator(mode="after")
    def require_packages(self) -> Self:
        """Refuse traces in an environment without the packages that send them."""
        if any(find_spec(f"opentelemetry.{name}") is None for name in ("sdk", "exporter")):
            raise ValueError('requires more packages: install "gatepost[tracing]"')
        return self
