"""Where the text about a picture comes from that localizers get beside it.

GivenText      one text for all pictures            Captions      a file for each picture, kept in a folder
FindingsText   own findings, put into words         FirstText     the first source that has a text
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from underdrawing.core.errors import UsageError
from underdrawing.data.sources import SourcePicture
from underdrawing.judging.classical.evidence import Evidence
from underdrawing.judging.picture_words import findings_in_words
from underdrawing.registry.hashes import file_hash

MOST_TEXT = 20_000
"""Characters of a text about a picture."""
_MOST_BYTES = 4 * MOST_TEXT


class TextSource(Protocol):
    """Finds the text about a picture."""

    def text(self, source: SourcePicture, faces: int, evidence: Mapping[str, Evidence]) -> str | None:
        """1 to MOST_TEXT characters; None where there is no text about this picture.

        faces, evidence: what was found in it: the number of faces, and by method what classical methods find.
        UsageError for a text that cannot be read, is empty or too long.
        """


@dataclass(frozen=True)
class GivenText:
    """The same text for every picture. UsageError for an empty one, and above MOST_TEXT characters."""

    value: str

    def __post_init__(self) -> None:
        if not 0 < len(self.value.strip()) <= MOST_TEXT:
            count = len(self.value.strip())
            raise UsageError(f"expected a text of 1 to {MOST_TEXT} characters, got {count}")

    @classmethod
    def read(cls, path: Path) -> GivenText:
        """From a text file. UsageError for one that is missing, no UTF-8, empty or too long."""
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                raise UsageError(f"expected a text of 1 to {MOST_TEXT} characters, got more")
            return cls(content.decode("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
            raise UsageError(f"{path}: the text cannot be read ({reason})") from error
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error

    def text(self, source: SourcePicture, faces: int, evidence: Mapping[str, Evidence]) -> str:
        """The text."""
        return self.value.strip()


@dataclass(frozen=True)
class Captions:
    """A text for each picture, as written by people or cached from a captioning program, in a folder.

    For photo.jpg it is SHA256.txt (of the file, 64 hex digits, lower case), photo.jpg.txt or photo.txt, in
    this order; the folder may be that of the pictures.
    """

    folder: Path

    def text(self, source: SourcePicture, faces: int, evidence: Mapping[str, Evidence]) -> str | None:
        """The text of the first file that exists. UsageError where it is no UTF-8, empty or too long."""
        paths = (self.folder / f"{stem}.txt" for stem in _stems(source))
        found = next((path for path in paths if path.is_file()), None)
        return None if found is None else GivenText.read(found).value.strip()


@dataclass(frozen=True)
class FindingsText:
    """What classical methods found, and the number of faces, in words; see judging.picture_words."""

    def text(self, source: SourcePicture, faces: int, evidence: Mapping[str, Evidence]) -> str | None:
        """None where no method found anything."""
        return findings_in_words(faces, evidence)


@dataclass(frozen=True)
class FirstText:
    """The text of the first source that has one."""

    sources: tuple[TextSource, ...]

    def text(self, source: SourcePicture, faces: int, evidence: Mapping[str, Evidence]) -> str | None:
        """None where no source has a text."""
        texts = (one.text(source, faces, evidence) for one in self.sources)
        return next((text for text in texts if text is not None), None)


def _stems(source: SourcePicture) -> Iterator[str]:
    """Names of text files without their suffix."""
    if source.data is not None:
        yield file_hash(source.data)
    name = Path(source.name).name if source.name else ""
    if name:
        yield name
        yield Path(name).stem
