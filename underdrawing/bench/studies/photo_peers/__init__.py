"""Other watermarks, run in an environment of their own."""
