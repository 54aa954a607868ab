"""The token endpoint.

POST /token   1 parse the form   2 authenticate the client   3 pick the grant type
              4 the grant proves itself (grants/)            5 issue
"""
