"""Rules about what the documented answers of tools hold."""
