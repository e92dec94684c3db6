"""Protect, verify, retrieve and examine pictures: Session, and functions for one picture.

report = underdrawing.protect("photo.jpg", "photo.protected.jpg", sign="owner.pem")
report = underdrawing.verify("suspect.jpg", "findings/")
report.verdict.status, report.verdict.identity, report.verdict.recovered

with underdrawing.Session(sign="owner.pem", registry="photos.db") as session:
    session.protect("photo.jpg", "photo.protected.jpg", facts={"source": "An agency"})
    session.retrieve("suspect.jpg")[0].record.facts
"""

from underdrawing.api.archiving import archive_info, pack, unpack
from underdrawing.api.one_shot import examine, protect, retrieve, verify
from underdrawing.api.picture_text import Captions, FindingsText, FirstText, GivenText
from underdrawing.api.protecting import EncodedFile, placed_record
from underdrawing.api.session import Session
from underdrawing.api.trust import (
    add_anchors,
    add_trusted,
    create_secret,
    holds_certificates,
    load_credentials,
    load_owner,
    load_secret,
    manifest_repository,
    original_repository,
    trust_store,
    trusted_anchors,
)
from underdrawing.registry.store import open_registry

__all__ = [
    "Captions",
    "EncodedFile",
    "FindingsText",
    "FirstText",
    "GivenText",
    "Session",
    "add_anchors",
    "add_trusted",
    "archive_info",
    "create_secret",
    "examine",
    "holds_certificates",
    "load_credentials",
    "load_owner",
    "load_secret",
    "manifest_repository",
    "open_registry",
    "original_repository",
    "pack",
    "placed_record",
    "protect",
    "retrieve",
    "trust_store",
    "trusted_anchors",
    "unpack",
    "verify",
]
