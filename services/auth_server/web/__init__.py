"""HTTP for programs and people: dependencies, forms, cookies, CORS, and error responses."""
