"""The settings page with the AI apps that a person connected, by Gatepost's component."""
