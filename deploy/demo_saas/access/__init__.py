"""Who is calling: sessions, passwords, and Gatepost's signed identity assertion."""
