"""Tool results: how an upstream's answer becomes the text and data that a model reads."""
