"""Ceilings: how far an operator lets a managed client go for itself, without a person."""
