"""The steps of calls that start a job of the API."""
