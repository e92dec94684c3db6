"""Runs in the peers' own environment: reads one JSON request a line on stdin, answers one line on stdout.

{"system": "rivaGan", "do": "embed", "image": "in.png", "output": "out.png", "bits": "01"} -> {"seconds": s}
{"system": "rivaGan", "do": "read", "image": "received.png", "length": 32} -> {"bits": "01...", "seconds": s}

It imports nothing of underdrawing and nothing at its top that the peers' environment might lack.
"""

import contextlib
import json
import sys
import time

PASSWORDS = 1, 1


def embed(system, image, bits):
    """Protected BGR picture."""
    if system == "blind-watermark":
        mark = _blind()
        mark.read_img(img=image)
        mark.read_wm([bit == "1" for bit in bits], mode="bit")
        return mark.embed()
    from imwatermark import WatermarkEncoder

    encoder = WatermarkEncoder()
    encoder.set_watermark("bits", [int(bit) for bit in bits])
    return encoder.encode(image, system)


def read(system, image, length):
    """Message as a string of 0 and 1."""
    if system == "blind-watermark":
        found = _blind().extract(embed_img=image, wm_shape=length, mode="bit")
        return "".join("1" if value > 0.5 else "0" for value in found)
    from imwatermark import WatermarkDecoder

    found = WatermarkDecoder("bits", length).decode(image, system)
    return "".join(str(int(bit)) for bit in found)


def _blind():
    import blind_watermark
    from blind_watermark import WaterMark

    blind_watermark.bw_notes.close()
    return WaterMark(password_img=PASSWORDS[0], password_wm=PASSWORDS[1])


def _prepare(system):
    """Imports and weights, before the clock runs."""
    if system == "blind-watermark":
        _blind()
        return
    from imwatermark import WatermarkDecoder, WatermarkEncoder

    if system == "rivaGan":
        WatermarkEncoder.loadModel()
        WatermarkDecoder.loadModel()


def answer(request, prepared):
    """One request's answer; a peer's own failure is an answer too."""
    import cv2
    import numpy as np

    image = cv2.imread(request["image"])
    try:
        if request["system"] not in prepared:
            _prepare(request["system"])
            prepared.add(request["system"])
        start = time.perf_counter()
        if request["do"] == "embed":
            protected = embed(request["system"], image, request["bits"])
            seconds = time.perf_counter() - start
            cv2.imwrite(request["output"], np.clip(np.rint(protected), 0, 255).astype(np.uint8))
            return {"seconds": seconds}
        bits = read(request["system"], image, request["length"])
        return {"bits": bits, "seconds": time.perf_counter() - start}
    except Exception as error:  # a peer may raise anything; the benchmark counts it as not read
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    """Serve until stdin closes."""
    prepared = set()
    for line in sys.stdin:
        request = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):  # the peers print
            found = answer(request, prepared)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
