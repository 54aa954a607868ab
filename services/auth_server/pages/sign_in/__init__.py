"""Sign-in with a local account, and sign-out. Knows nothing of consent."""
