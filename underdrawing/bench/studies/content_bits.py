"""content-bits: bits of content that are read after each codec, in whole photographs without an edit.

bits-SIZE   coco_val squares, protected at default strength: container, and after each codec the bits read,
            and what `verify` says, with the signature in the mark and in a registry
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdrawing.attacks.channel import Avif, Channel, Jpeg, Nothing, Webp
from underdrawing.bench.harness import measures
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Table
from underdrawing.bench.harness.run import Case, Part, Row, Run, Study, run_parts
from underdrawing.bench.harness.subjects import Subject
from underdrawing.content.importance.request import ContentRequest, SigningPlace
from underdrawing.metrics.quality import psnr_db, ssim
from underdrawing.metrics.ssimulacra2 import ssimulacra2

PLACES: dict[SigningPlace, str] = {"mark": "in the mark", "registry": "in a registry"}
"""Of the signature, and their names."""
PROTOCOL = Protocol("content-bits", sizes=(256, 512))
CHANNELS: tuple[Channel, ...] = (
    Nothing(),
    *(Jpeg(quality) for quality in (95, 90, 85, 80, 75, 70, 60, 50)),
    Webp(80),
    Avif(60),
)


def run(run: Run, protocol: Protocol = PROTOCOL) -> None:
    """Measure the photo system."""
    subject = run.load("photo")
    parts = [
        Part(f"bits-{size}", measures.cases_of((protocol.object_set,), size), _bits)
        for size in protocol.sizes
    ]
    run_parts(run, STUDY.store(run.results), protocol, [(subject, part) for part in parts])


def _bits(subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    return [row for place in PLACES for row in _bits_of(place, subject, protocol, case)]


def _bits_of(place: SigningPlace, subject: Subject, protocol: Protocol, case: Case) -> list[Row]:
    image, _ = case.photo.square(case.size)
    owner, model = subject.owner, subject.model
    assert owner is not None
    request = ContentRequest(signing=place)
    protection = model.protect(
        image, owner=owner, identity=subject.identity, strength=case.strength, content=request
    )
    kept = () if protection.signature is None else (protection.signature,)
    finding = {"find_key": lambda short: owner.public, "find_signatures": lambda identity: kept}
    protected = protection.apply(image)
    container = {"psnr_db": psnr_db(image, protected), "ssim": ssim(image, protected)}
    container |= {"ssimulacra2": ssimulacra2(image, protected), "cells": protection.bits["cells"]}
    rows: list[Row] = [(f"container/{case.label}/{place}", container)]
    for channel in CHANNELS:
        rng = np.random.default_rng([protocol.seed, case.size, case.index])
        received, _ = channel.attack(protected, rng)
        read, verdict = model.read_back(received, **finding), model.verify(received, **finding)
        values = {"content": read.details.get("bits", {}).get("content", 0)}
        values |= {"signed": read.signature.state == "valid"}
        values |= {status: verdict.status == status for status in ("intact", "altered")}
        rows.append((f"read/{case.label}/{place}/{channel.name}", values))
    return rows


def curve_table(store: Store) -> Sequence[Block] | None:
    """Content bits, signatures and untouched pictures called intact after each codec, by size and place of
    the signature."""
    if not store.parts:
        return None
    sizes = [size for size in PROTOCOL.sizes if f"bits-{size}" in store.parts]
    variants = [(f"{size}/{place}", f"{size}, {name}") for size in sizes for place, name in PLACES.items()]
    keys, names = zip(*variants, strict=True)
    container = (("psnr_db", 2), ("ssim", 4), ("ssimulacra2", 1), ("cells", 0))
    rows = [[name, *(store.cell(f"container/{key}/{name}", n) for key in keys)] for name, n in container]
    values = (
        ("content bits", "content", 1),
        ("signed, %", "signed", 100),
        ("intact, %", "intact", 100),
        ("altered, %", "altered", 100),
    )
    read = [
        Table(
            (title, *names),
            [
                [c.name, *(store.cell(f"read/{key}/{c.name}/{value}", 0, scale=scale) for key in keys)]
                for c in CHANNELS
            ],
        )
        for title, value, scale in values
    ]
    return [*read, Table(("container", *names), rows), store.conditions_table(), store.stale_note()]


STUDY = Study(
    "content-bits",
    "bits of content that are read after each codec",
    run,
    {"content-bits": curve_table},
)
