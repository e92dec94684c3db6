"""Codes of a photograph's content, which systems hide and read back."""
