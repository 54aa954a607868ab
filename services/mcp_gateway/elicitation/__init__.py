"""Ask a person to confirm a tool call, or for arguments that the model left out.

In the handshake era the gateway asks on the call's own stream, and the answer arrives with another
request; in the modern era the gateway ends the request, and the client repeats it with the answer.
Between requests the client carries the state, sealed; the gateway stores nothing.
"""
