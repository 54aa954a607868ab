"""Authentication: sessions, passwords, and Gatepost's signed identity assertion."""
