"""Invitations: an admin sends them, and the invited person accepts."""
