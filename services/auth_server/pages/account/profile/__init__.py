"""A person's own data: their e-mail address, the export, and the end of the account."""
