"""The authorization server decides which apps may connect, and what they may do.

Routes:

    GET  /.well-known/oauth-authorization-server   oauth/discovery/       RFC 8414
    GET  /.well-known/openid-configuration         oauth/discovery/       OpenID Connect Discovery
    GET  /jwks.json                                oauth/discovery/
    POST /register                                 oauth/register/        RFC 7591
    GET  PUT DELETE /register/{client_id}          oauth/register/        RFC 7592
    GET  /authorize                                oauth/authorize/       CHECKS
    GET  /authorize/continue                       oauth/authorize/       next_step: the next page
    POST /token                                    oauth/token_endpoint/  GRANT_TYPES
    POST /revoke                                   oauth/revoke.py        RFC 7009
    POST /introspect                               oauth/introspect.py    RFC 7662
    GET  POST /userinfo                            oauth/userinfo.py      OpenID Connect Core §5.3
    GET  POST /sign-in, /sign-in/more, /account    pages/sign_in/
    POST /sign-in/code   POST /sign-in/passkey     pages/sign_in/
    GET  /sign-in/with/{name}, /return/{name}      pages/sign_in/         identity providers
    GET  POST /end-session                         pages/sign_in/         RP-Initiated Logout
    POST /sign-out                                 pages/sign_in/
    GET  POST /tenant                              pages/tenant_choice.py
    GET  POST /consent                             pages/consent/
    GET  POST /account, /account/...               pages/account/
    GET  /  GET /llms.txt                          pages/connect/
    POST /internal/revocations, /internal/events   gateway_api/           for gateways
    POST /internal/gateways                        gateway_api/reports.py
    GET  /livez /readyz /startupz                  operational.py
    GET  /static/{name}                            operational.py

A page of an authorization never leads to another page: each redirects to /authorize/continue, which
decides the next page from stored state.
"""
