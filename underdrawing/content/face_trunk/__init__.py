"""A ResNet-18 trained on real and forged faces, from which the trunks of several detectors start."""
