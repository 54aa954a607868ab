"""Members: the people of an organisation and their teams."""
