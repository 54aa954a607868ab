"""Used flow states, stored so that none can be used twice."""
