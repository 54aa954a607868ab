"""The steps that ask people before a call is made."""
