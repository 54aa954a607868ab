"""The inbox of events that a billing system has sent."""
