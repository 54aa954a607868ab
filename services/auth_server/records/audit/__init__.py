"""The audit log: what was decided about people, clients, grants and keys; append-only, chained."""
