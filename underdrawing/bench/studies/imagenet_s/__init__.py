"""ImageNet-S: is what a picture shows told again after its object was removed or replaced?"""
