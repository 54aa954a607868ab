"""How apps and people come to use the service, and what agents try in vain."""
