"""Localizers of manipulations under one protocol."""
