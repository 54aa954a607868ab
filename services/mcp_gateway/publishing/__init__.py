"""`gatepost publish`: check a gateway against the rules of directories, and write what they ask for."""
