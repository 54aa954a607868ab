"""Rendering HTML: templates, translations, static files, and the headers of every page."""
