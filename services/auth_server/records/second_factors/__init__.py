"""What people prove themselves with beside a password: passkeys, codes of an app, recovery codes."""
