"""adversary: attacks with this software itself."""
