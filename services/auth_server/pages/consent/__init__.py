"""Consent: a person sees who asks for what, narrows it, and answers."""
