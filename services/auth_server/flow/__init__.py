"""What every page of an authorize transaction shares: whose turn it is, what comes next, the answer.

Pages never lead to one another; each returns the browser to `CONTINUE`.
"""
