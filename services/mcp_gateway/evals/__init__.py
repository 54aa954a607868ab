"""`gatepost eval`: see whether models choose the right tools with valid arguments."""
