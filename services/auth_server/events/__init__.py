"""Call events, from gateways that deliver them over HTTP.

POST /internal/events   1 authenticate the gateway   2 read the events   3 write those not known yet
"""
