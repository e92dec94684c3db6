"""The findings of verify as files: pictures, a JSON object, and a page for people."""
