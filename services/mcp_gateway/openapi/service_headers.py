"""Headers that the service sets itself, so that models may not set them."""

_SERVICE_HEADERS = frozenset(
    """accept accept-charset accept-encoding api-key authorization baggage connection cookie date
    expect forwarded host http2-settings keep-alive origin referer server set-cookie te traceparent
    tracestate trailer transfer-encoding upgrade user-agent via x-access-token x-api-key
    x-auth-token x-client-ip x-cluster-client-ip x-http-method x-http-method-override
    x-method-override x-original-url x-real-ip x-rewrite-url""".split()  # noqa: SIM905 - read as words
)
_SERVICE_PREFIXES = ("content-", "gatepost-", "proxy-", "sec-", "x-forwarded-", "x-original-")


def is_service_header(name: str) -> bool:
    """Tell whether the service sets a header itself, so that models may not set it."""
    name = name.lower()
    return name in _SERVICE_HEADERS or name.startswith(_SERVICE_PREFIXES) or is_tenant_header(name)


def is_tenant_header(name: str) -> bool:
    """Tell whether a header names the tenant; a claim may fill it, but not a model."""
    return name.lower().startswith("x-tenant")
