"""Errors of billing, with messages for people."""

from collections.abc import Iterator
from contextlib import contextmanager


class BillingError(Exception):
    """Billing can't do this; the message says why, without anything secret."""


class BillingUnavailable(BillingError):
    """Stripe does not answer now; the same may work later."""


class AlreadySubscribed(BillingError):
    """The tenant has a subscription, which the portal changes."""


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Turn the library's errors into `BillingError`."""
    import stripe

    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise BillingUnavailable("Stripe does not answer. Try again in a minute.") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise BillingError("Stripe refuses the key in stripe.secret_key.") from error
    except stripe.StripeError as error:
        raise BillingError(f"Stripe refuses this: {error.user_message or error.code}") from error
