"""The gateway's metrics: their names, what calls add to, and what is read when somebody asks."""
