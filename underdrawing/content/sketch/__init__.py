"""The sketch: tokens and symbols that refine each other, and the network that mends a picture by them."""
