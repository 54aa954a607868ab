"""How far apps and people come on the way to a first call, counted by the day."""
