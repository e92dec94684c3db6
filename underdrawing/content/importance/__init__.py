"""Which places of a picture are important, and so get more of the content code."""
