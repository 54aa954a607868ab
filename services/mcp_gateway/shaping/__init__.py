"""What becomes of an upstream's answer before a model reads it: pure functions, made at load."""
