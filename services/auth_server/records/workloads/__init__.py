"""Workloads: identities at clouds and CI systems that act as a service client."""
