"""Records of protected photographs, and the way back to them: by identity, by hash, by what they show."""
