"""Turn an upstream's answer into the text and data that a model reads."""
