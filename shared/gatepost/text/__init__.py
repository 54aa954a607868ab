"""Texts from outside: the words in them, and the characters that nobody sees."""
