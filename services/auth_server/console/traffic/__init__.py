"""The console's pages of calls and usage."""
