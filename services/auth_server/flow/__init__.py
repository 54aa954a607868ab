"""Shared by `/authorize` and the pages: the pending authorization, its next step, and sign-in.

A page of an authorization never leads to another page: it sends the browser to `CONTINUE`.
"""
