"""What OpenID Connect lets an app ask of the pages."""
