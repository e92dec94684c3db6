"""Folders and shards of any size, protected or verified by many processes, and resumed after a kill."""
