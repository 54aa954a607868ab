"""The apps of tools: what the manifest says, and what the document says about answers."""
