"""The manifests of several APIs in one catalogue."""
