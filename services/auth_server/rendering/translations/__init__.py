"""Translations of the pages, one file for each language, named by its tag."""
