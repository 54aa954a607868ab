"""Asking somebody before a tool is called: to confirm it, or for what the model left out.

The handshake era asks on the call's own stream and takes the answer from another request; the
modern era ends the request and is asked again. Nothing is kept between requests but what the client
itself carries, sealed.
"""
