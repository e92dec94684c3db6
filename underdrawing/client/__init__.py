"""A client of the HTTP API of `underdrawing serve`; needs nothing beside the standard library.

from underdrawing.client import Client

client = Client("https://photos.example.org", token="ud_...")
verdict = client.verify("suspect.jpg")
verdict.status, verdict.signature.name
client.examine("portrait.jpg").message
protection = client.protect("photo.jpg", facts={"source": "An agency"})
client.save(protection.protected, "photo.protected.jpg")
for result in client.wait(client.create_job("verify", ["a.jpg", "b.jpg"])).results:
    result.file, result.answer, result.problem
"""

from underdrawing.client.client import Client
from underdrawing.client.results import (
    Artefact,
    Evidence,
    Examination,
    Face,
    Found,
    Job,
    JobResult,
    Match,
    Protection,
    Record,
    Signature,
    Verification,
    Witness,
)
from underdrawing.client.transport import ServerError
from underdrawing.client.webhooks import check_webhook

__all__ = [
    "Artefact",
    "Client",
    "Evidence",
    "Examination",
    "Face",
    "Found",
    "Job",
    "JobResult",
    "Match",
    "Protection",
    "Record",
    "ServerError",
    "Signature",
    "Verification",
    "Witness",
    "check_webhook",
]
