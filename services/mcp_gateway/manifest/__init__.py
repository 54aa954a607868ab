"""Read the manifest, `tools.yaml`, and make a catalogue from it."""
