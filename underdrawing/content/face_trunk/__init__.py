"""Two trunks trained on real and forged faces, from which the trunks of several detectors start."""
