"""The English of operation ids, paths and summaries."""
