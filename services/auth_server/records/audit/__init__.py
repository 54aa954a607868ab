"""The audit log: decisions about people, clients, grants and keys, append-only and hash-chained."""
