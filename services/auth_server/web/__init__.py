"""HTTP for both audiences: dependencies, forms, cookies, CORS, and errors as answers."""
