"""The playground's pages, for a tenant's admins and, in another frame, for operators."""
