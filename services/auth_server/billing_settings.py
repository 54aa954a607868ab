"""Settings of billing: the section `auth_server.stripe`."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from gatepost.settings import require_secure_url


class StripeSettings(BaseModel):
    """The Stripe account that tenants pay into."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret_key: SecretStr = Field(description="The secret or restricted key of the account.")
    webhook_secrets: tuple[SecretStr, ...] = Field(
        min_length=1,
        max_length=8,
        description="The signing secrets of the webhook endpoints; two of one endpoint while you roll "
        "it.",
    )
    api_url: Annotated[str, Field(max_length=512), AfterValidator(require_secure_url)] = Field(
        default="https://api.stripe.com",
        description="The URL of the API; another one names an imitation for tests.",
    )

    @field_validator("secret_key")
    @classmethod
    def refuse_publishable_keys(cls, key: SecretStr) -> SecretStr:
        """Refuse a key that can't do anything here."""
        if not key.get_secret_value().startswith(("sk_", "rk_")):
            raise ValueError("must be a secret key (sk_…) or a restricted key (rk_…)")
        return key

    @field_validator("webhook_secrets")
    @classmethod
    def refuse_other_secrets(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        """Refuse strings that are not signing secrets."""
        if not all(secret.get_secret_value().startswith("whsec_") for secret in secrets):
            raise ValueError("each must be a signing secret (whsec_…)")
        return secrets
