"""The authorization server: who may come in, and what for.

Route map (each request path is one list in one file):

    GET  /.well-known/oauth-authorization-server   discovery/       RFC 8414
    GET  /.well-known/openid-configuration         discovery/       OpenID Connect Discovery
    GET  /jwks.json                                discovery/
    POST /register                                 register/        RFC 7591
    GET  /authorize                                authorize/       CHECKS, then a stored transaction
    GET  /authorize/continue                       authorize/       next_step: which page comes now
    GET  POST /sign-in   POST /sign-out            sign_in/
    GET  POST /tenant                              tenant_choice/
    GET  POST /consent                             consent/
    POST /token                                    token/           five phases, and GRANTS
    POST /revoke                                   revoke/          RFC 7009
    POST /introspect                               introspect/      RFC 7662
    POST /internal/revocations                     feed/            for gateways: what ended early
    GET  /livez /readyz                            app.py

A page never leads to another page: each returns to /authorize/continue, which decides from stored
state alone.
"""
