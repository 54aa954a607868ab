"""What admins see and change of their tenant: its members, its audit trail, how people sign in."""
