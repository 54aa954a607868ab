"""The revocation endpoint.

POST /revoke   1 parse the form   2 authenticate the client   3 find what the token is
               4 whose it is      5 end it
"""
