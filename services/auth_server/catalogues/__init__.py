"""Read gateways' catalogues, and store their versions."""
