"""Record call events without delaying the call, store them, and deliver each to the call log once.

docs/call-events.md states the guarantees and their limits.
"""
