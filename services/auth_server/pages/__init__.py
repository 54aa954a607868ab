"""HTML: templates and their translations, static files, and the headers of every page."""
