"""Encoder that the localizers of manipulations share, trained once, and a plain head for comparison."""
