"""Delegation to sub-agents (RFC 8693), with one file for each rule."""

from auth_server.oauth.token_endpoint.delegation.delegated import Check
from auth_server.oauth.token_endpoint.delegation.narrow_data import narrow_data
from auth_server.oauth.token_endpoint.delegation.narrow_tools import narrow_tools
from auth_server.oauth.token_endpoint.delegation.read_actor import read_actor
from auth_server.oauth.token_endpoint.delegation.read_subject import read_subject
from auth_server.oauth.token_endpoint.delegation.require_holder import require_holder
from auth_server.oauth.token_endpoint.delegation.require_same_key import require_same_key
from auth_server.oauth.token_endpoint.delegation.require_target import require_target
from auth_server.oauth.token_endpoint.delegation.resolve_parent import resolve_parent

CHECKS: tuple[Check, ...] = (
    read_subject,  # a live access token of this server
    require_holder,  # the client that holds it sends the request
    require_same_key,  # a token that is bound to a key is not exchanged for one that is not
    require_target,  # `resource` and `audience` may only repeat the token's
    read_actor,  # the sub-agent: a client that proves to be it, or a part of the asking client
    resolve_parent,  # what the person's connection and the token both allow now
    narrow_tools,  # `scope` and `allowed_tools`
    narrow_data,  # `data_scope`
)
