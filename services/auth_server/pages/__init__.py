"""The pages for people: sign-in, tenant choice, consent, account, and how to connect."""
