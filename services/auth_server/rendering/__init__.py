"""HTML rendering: templates, translations, static files, and the headers of every page."""
