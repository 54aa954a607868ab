"""The classes of sign-ins (`acr`), and the methods (`amr`) that a session says were used."""

from auth_server.records.sessions.table import TWO_FACTORS

ONE_FACTOR_CLASS = "urn:gatepost:acr:1fa"
TWO_FACTORS_CLASS = "urn:gatepost:acr:2fa"
PHISHING_RESISTANT_CLASS = "phr"
"""A name of OpenID Connect Extended Authentication Profile (EAP) ACR Values."""
ACR_VALUES = (ONE_FACTOR_CLASS, TWO_FACTORS_CLASS, PHISHING_RESISTANT_CLASS)
"""The supported classes, the weakest first: a sign-in of one class is also of those before it."""

_PASSKEY = "passkey"
# RFC 8176 §2. What a provider asked for is not known here.
_METHODS = {
    "password": ("pwd",),
    "password and code": ("pwd", "otp", "mfa"),
    "password and recovery code": ("pwd", "otp", "mfa"),
    _PASSKEY: ("pop", "user", "mfa"),
}


def class_of(level: int, method: str) -> str:
    """Return the class of a sign-in, by the level and the method of its session."""
    if method == _PASSKEY:
        return PHISHING_RESISTANT_CLASS
    return TWO_FACTORS_CLASS if level >= TWO_FACTORS else ONE_FACTOR_CLASS


def methods_of(method: str) -> tuple[str, ...]:
    """Return the methods of a sign-in; none for one at a provider."""
    return _METHODS.get(method, ())


def reaches(level: int, method: str, wanted: str) -> bool:
    """Return whether a sign-in is of a class, or of a stronger one."""
    return ACR_VALUES.index(class_of(level, method)) >= ACR_VALUES.index(wanted)
