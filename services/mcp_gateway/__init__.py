"""The MCP gateway: an OAuth resource server in front of one REST API.

It verifies access tokens, speaks the Model Context Protocol on one endpoint and turns each tool
call into one upstream request. Two lists show everything that happens to a call: `front.build_front`
(HTTP, from the `Host` header to the JSON-RPC message) and `pipeline.build_steps` (one tool call).
`app.create_app` wires the service.

    POST {resource path}                                   the MCP endpoint (both protocol eras)
    POST {resource path}/o/{tenant_id}                     the same at an organisation's address
    GET  /.well-known/oauth-protected-resource[{path}[/o/{tenant_id}]]  RFC 9728 document
    GET  /.well-known/jwks.json                            the key that signs identity assertions
    GET  /internal/catalogue                               for the authorization server only
    GET  /livez, /readyz, /startupz                        for load balancers
"""
