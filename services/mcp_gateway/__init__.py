"""The MCP gateway: an OAuth resource server in front of one REST API.

It verifies access tokens, speaks the Model Context Protocol on one endpoint and turns each tool
call into one upstream request. Two lists show all that happens to a call: `front.build_front`
(HTTP, from the `Host` header to the JSON-RPC message) and `pipeline.build_steps` (one tool call).
`app.create_app` is the only wiring.

    POST {resource path}                                   the MCP endpoint (both protocol eras)
    GET  /.well-known/oauth-protected-resource[{path}]     RFC 9728 document
    GET  /.well-known/jwks.json                            key of the identity assertions
    GET  /internal/catalogue                               for the authorization server alone
    GET  /livez, /readyz                                   for load balancers
"""
