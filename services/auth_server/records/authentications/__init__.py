"""How people had signed in when they approved apps that want ID tokens."""
