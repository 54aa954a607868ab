"""Links by mail with which people choose a new password."""
