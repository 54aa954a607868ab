"""The HTTP API for the component in a SaaS's own pages, below `/manage/v1`."""
