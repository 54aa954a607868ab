"""Call events that could not be written, kept until an operator has them written again."""
