"""The token endpoint.

POST /token   1 parse the form   2 authenticate the client   3 choose the grant type
              4 prove possession of a key (oauth/possession/)
              5 redeem the grant (grant_types/)              6 issue the tokens
"""
