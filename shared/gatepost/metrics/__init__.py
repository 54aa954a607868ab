"""Figures about a running process, as Prometheus reads them.

Requests only add to numbers in memory; a page is made of them when somebody asks for it. A library
whose counters cost twenty times as much per call would be noticed there.
"""
