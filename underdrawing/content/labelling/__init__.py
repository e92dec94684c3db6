"""What a picture shows, as one of the 1,000 classes of ImageNet."""
