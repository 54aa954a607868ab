"""Call events on their way out: recorded without delaying a call, kept, delivered, counted once.

What is promised, and what is not, is in docs/call-events.md.
"""
