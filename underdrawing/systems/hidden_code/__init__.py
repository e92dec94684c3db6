"""Hidden-Code: a photograph's multi-scale tokens as a watermark; what an edit hid, told from them."""
