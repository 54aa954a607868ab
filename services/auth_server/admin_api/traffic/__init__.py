"""The admin API of calls and usage."""
