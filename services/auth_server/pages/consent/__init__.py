"""The consent page, where people narrow, approve or deny an app's request."""
