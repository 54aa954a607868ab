"""HTML: templates, one stylesheet, the headers of every page, and the forms' proofs."""
