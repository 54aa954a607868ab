"""A person's own data: their e-mail address."""
