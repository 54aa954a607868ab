"""How often sign-in failed lately, by whatever it is counted."""
