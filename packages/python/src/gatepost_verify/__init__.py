"""Verifies the assertion of a Gatepost gateway, so that an API knows who is calling."""

from gatepost_verify.caller import Caller
from gatepost_verify.errors import (
    AssertionRefused,
    DataScopeUnsupported,
    VerificationFailed,
    VerificationUnavailable,
)
from gatepost_verify.keys import KeyCache
from gatepost_verify.memory import AsyncRedisMemory, InProcessMemory, RedisMemory
from gatepost_verify.presented import DecodedUrl
from gatepost_verify.verifier import HEADER, Verifier

__all__ = [
    "HEADER",
    "AssertionRefused",
    "AsyncRedisMemory",
    "Caller",
    "DataScopeUnsupported",
    "DecodedUrl",
    "InProcessMemory",
    "KeyCache",
    "RedisMemory",
    "VerificationFailed",
    "VerificationUnavailable",
    "Verifier",
]
