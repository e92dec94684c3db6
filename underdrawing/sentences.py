"""What a command's JSON objects say in words."""

from __future__ import annotations

from typing import Any


def sentence(result: dict[str, Any]) -> str:
    """One result of any command, for people; lines after the first are indented."""
    status, name = result["status"], result["file"]
    if status == "protected":
        signed = f", signed by {result['signed_by']}" if result["signed_by"] else ", not signed"
        quality = f"{result['psnr_db']:.1f} dB, " if result["psnr_db"] is not None else ""
        named = f"identity {result['identity']}" if result["identity"] else "no identity"
        made = f"{named}{signed}, {quality}{result['seconds']} s"
        return f"{name} -> {result['output']}: {made}"
    if status in ("found", "not found"):
        return "\n".join([f"{name}: {status.upper()}", *map(_match, result["matches"])])
    if status == "attacked":
        return f"{name}: {len(result['outputs'])} pictures written"
    if status == "error":
        return result["message"]
    if status == "done":
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(result["counts"].items()))
        return "\n  ".join([f"{name} -> {result['output']}: {told or 'no picture'}", *result["failed"]])
    lines = [f"{name}: {status.upper()}: {result['message']}"]
    credentials = result["credentials"]
    if credentials and (credentials["recovered"] or credentials["state"] not in ("none", "unread")):
        lines.append(f"  {credentials['message']}")
    if result["html"]:
        lines.append(f"  {result['html']}")
    return "\n".join(lines)


def _match(found: dict[str, Any]) -> str:
    """A record of a retrieval for people, with what is kept of its Content Credentials."""
    how = "by identity" if found["by"] == "identity" else f"alike {found['score']:.2f}"
    doubt = "" if found["sure"] else ", not sure"
    place = found["original"]["place"] or "-"
    facts = "; ".join(v if isinstance(v, str) else ", ".join(v) for v in found["facts"].values())
    told = f"  {how}{doubt}: record {found['number']}, {place}{': ' if facts else ''}{facts}"
    credentials = found["credentials"]
    if credentials and credentials["state"] != "none":
        told += f"\n    {credentials['message']}"
    return told + (f"\n    {found['manifest']}" if found["manifest"] else "")
