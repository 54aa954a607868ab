"""Traces of some of the requests, sent to a collector in the background (OpenTelemetry).

A request is recorded if `Sampling` chooses it, before any span is made: the others cost a comparison.
Spans hold names, numbers and the tenant's id; never arguments, tokens, addresses or names of people.
"""
