"""Authorization requests, stored until they are answered."""
