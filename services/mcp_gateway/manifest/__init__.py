"""The manifest: reading `tools.yaml` and making a catalogue from it."""
