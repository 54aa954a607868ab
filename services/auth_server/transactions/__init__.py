"""Authorize transactions: one checked authorization request on its way through sign-in and consent."""
