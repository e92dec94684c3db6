"""Attacks by somebody who reads the documentation and runs the software, without the owner's key or secret.

edits       edits of a protected picture, over which its own public mark is written again
forgeries   pictures that the owner never protected, into which the mark is written
presence    statistics that tell whether a picture carries a private mark, without its secret

Reading and writing the mark takes the software itself: bench/studies/adversary/copied_mark.py.
"""
