"""The introspection endpoint, for operators, API owners and gateways.

POST /introspect   1 parse the form   2 authenticate the client   3 what may it ask about
                   4 does the token live
"""
