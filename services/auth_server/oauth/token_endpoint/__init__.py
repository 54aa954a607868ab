"""The token endpoint.

POST /token   1 parse the form   2 authenticate the client   3 choose the grant type
              4 redeem the grant (grant_types/)              5 issue the tokens
"""
