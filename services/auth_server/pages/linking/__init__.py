"""The pages on which people link their accounts at an API's own authorization server, and unlink them."""
