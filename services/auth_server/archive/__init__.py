"""Archives of calls that leave the call log: files of call events, one a line."""
