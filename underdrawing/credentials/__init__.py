"""Content Credentials (C2PA): written when a picture is protected, read and validated when it is verified."""
