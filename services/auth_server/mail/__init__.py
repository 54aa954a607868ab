"""The port `Mailer` and its adapters: an SMTP server, and the console in development."""
