"""Settings of the export of usage: the section `auth_server.usage_export`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gatepost.settings import require_secure_url

_Url = Annotated[str, Field(max_length=512), AfterValidator(require_secure_url)]
_Text = Annotated[str, Field(min_length=1, max_length=255)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StripeExport(_Entry):
    """A Billing Meter of the account in `auth_server.stripe`."""

    kind: Literal["stripe"]
    final_after_hours: int = Field(
        default=1,
        ge=0,
        le=72,
        description="How long after its period an invoice becomes final, as the account's settings "
        "say. Later usage counts in the next period.",
    )


class MetronomeExport(_Entry):
    """Metronome."""

    kind: Literal["metronome"]
    token: SecretStr = Field(description="An API token.")
    event_type: _Text = Field(
        default="gatepost_usage", description="The `event_type` of the usage events."
    )
    api_url: _Url = Field(
        default="https://api.metronome.com",
        description="The URL of the API; another one names an imitation for tests.",
    )


class AwsMarketplaceExport(_Entry):
    """AWS Marketplace, with the process's own credentials of AWS."""

    kind: Literal["aws_marketplace"]
    dimensions: dict[_Text, _Text] = Field(
        min_length=1, description="The product's dimension for each meter of the manifest."
    )
    product_code: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="The code of a product whose customers have no licences.",
    )
    region: str = Field(
        default="us-east-1", pattern=r"^[a-z0-9-]{1,32}$", description="The region of the endpoint."
    )


class CloudEventsExport(_Entry):
    """A server that takes CloudEvents over HTTP, such as OpenMeter."""

    kind: Literal["cloud_events"]
    url: _Url = Field(description="Where to post the events.")
    authorization: SecretStr | None = Field(
        default=None, description="The value of the header `Authorization`, such as `Bearer …`."
    )
    event_type: _Text = Field(default="gatepost.usage", description="The `type` of the events.")
    batch: int = Field(
        default=100,
        ge=1,
        le=500,
        description="How many events to post at once; 1 posts single events in the structured format.",
    )
    recognised_days: int = Field(
        default=32,
        ge=1,
        le=3650,
        description="How long the server recognises an event that it has counted.",
    )


UsageExportSettings = Annotated[
    StripeExport | MetronomeExport | AwsMarketplaceExport | CloudEventsExport,
    Field(discriminator="kind"),
]
