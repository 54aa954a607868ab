"""Notifications: what open streams of clients wait for, and how news reaches them in every process."""
