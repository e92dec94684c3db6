"""Session: keys, registry and settings that are loaded once and used for many pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from underdrawing import zoo
from underdrawing.api import animated, protecting, retrieving, trust
from underdrawing.api.archiving import archive_of
from underdrawing.api.examining import Examiner
from underdrawing.api.picture_text import GivenText, TextSource
from underdrawing.api.producing import Producer
from underdrawing.api.protecting import Embedder, EncodedFile
from underdrawing.api.read_back import Reader
from underdrawing.api.verifying import Judge, Recover, check_options, load_natural
from underdrawing.coding.keys import Owner, TrustStore
from underdrawing.content.importance.request import DEFAULT_FOCUS, EVEN, SigningPlace, read_request
from underdrawing.core.errors import MissingRegistryError, RegistryError, UsageError
from underdrawing.credentials.signing import CredentialSigner
from underdrawing.data.files import write_atomic, write_files
from underdrawing.data.pictures import MAX_PIXELS, is_lossless
from underdrawing.data.sources import Source, SourcePicture, decode_source, name_of, named, read_source
from underdrawing.judging.marked_frames import MarkedFrames
from underdrawing.registry.facts import Facts
from underdrawing.registry.originals import OriginalRepository
from underdrawing.registry.record import Record
from underdrawing.registry.rendition import LONG_SIDE_PX
from underdrawing.registry.retrieval import Match
from underdrawing.registry.store import Registry, open_registry
from underdrawing.report.examination import ExamineReport
from underdrawing.report.examined import examined_files, examined_paths
from underdrawing.report.findings import finding_files, paths_by_kind
from underdrawing.report.reports import ProtectReport, VerifyReport


@dataclass(eq=False, repr=False)
class Session:
    """Protects, verifies, retrieves and examines pictures with the same keys, registry and settings.

        with Session(sign="owner.pem", registry="photos.db") as session:
            for path in paths:
                session.protect(path, folder / path.name)

    `embed`, `encode` and `judge` write nothing; `protect`, `verify` and `retrieve` use them and write files
    and records. Keys, secret and signer are checked when the session is made: KeyFileError, UsageError.
    A session belongs to one process and one thread at a time.
    """

    _: KW_ONLY
    sign: Owner | str | Path | None = None
    """The owner, or the PEM file of the private key, that signs what `protect` embeds."""
    password: bytes | None = None
    """Of that file."""
    trust: TrustStore | str | Path | None = None
    """The trust store, or its folder; None is the user's own."""
    secret: str | Path | bytes | None = None
    """Private mode: only readers with the same secret find the mark. Bytes, or the path of their file."""
    registry: Registry | str | Path | None = None
    """An open registry, which stays open; or a path or URL, opened at first use and closed by `close`.
    `protect` creates a missing one."""
    credentials: CredentialSigner | None = None
    """Signs Content Credentials into protected files; None writes none."""
    manifests: str | Path | None = None
    """Folder of manifests, by which `verify` recovers lost Content Credentials; None is the one beside a
    registry in a file."""
    originals: str | Path | None = None
    """Folder where `protect` keeps originals as .udl; without it `retrieve` reads REGISTRY.originals."""
    system: str = "photo"
    """The system of the zoo; `verify` needs the same one as `protect`."""
    strength: float = 1.0
    """0.7 is faint (archival), 1 the default, 1.45 and 2.1 more robust; the nearest one is taken."""
    quality: int | None = None
    """Of JPEG, WebP, AVIF and HEIF files that `protect` writes, 1 to 100; None takes the quantizer of a JPEG
    input where the mark is read back from it, else a finer one."""
    focus: str | Sequence[str] = "auto"
    """Places that get more of the content code: "auto" (faces, and what stands out), "faces", "none", or
    boxes "x,y,width,height", px of the picture as it is shown, within it. Of system photo."""
    signing: SigningPlace = "auto"
    """Where `protect` keeps the signature: "mark"; "registry", which leaves more bits to the content, and
    without which `verify` finds none; "auto": there where the mark has no room. Of system photo."""
    rendition_px: int = LONG_SIDE_PX
    """Longest side of the rendition of each original that `protect` keeps in the registry, by which `verify`
    finds edits whoever made them: 256 px to rendition.FULL; 0 keeps none."""
    thorough: bool = False
    """Whether `verify` and `retrieve` search for rare combinations of crop, scale, rotation, mirroring and
    stretching too, for most of a minute where there is no mark; UsageError with systems other than photo."""
    recover: Recover = "faithful"
    """What `verify` shows in place of what was altered: what the code holds, blurred where that is little; or
    "natural", with invented detail, which the source map states; the verdict is the same. Of system photo."""
    max_pixels: int = MAX_PIXELS
    """Larger files are refused before they are decoded."""

    def __post_init__(self) -> None:
        check_options(self.recover, self.system, thorough=self.thorough)
        self._focus = read_request(self.focus)
        if self._focus not in (DEFAULT_FOCUS, EVEN) and self.system != "photo":
            raise UsageError(f"{self.system} has no content code with a focus; leave it out")
        sign = self.sign
        self.owner = trust.load_owner(sign, self.password) if isinstance(sign, str | Path) else sign
        self._secret = trust.load_secret(self.secret)
        self._trust = self.trust if isinstance(self.trust, TrustStore) else trust.trust_store(self.trust)
        self._manifests = trust.manifest_repository(self.manifests, self.registry)
        self._originals = trust.original_repository(self.originals, self.registry)
        self._opened: Registry | None = None
        protecting.check_settings(self.quality, self.rendition_px, self.signing, self.system, self.registry)
        if self.credentials is not None and self.registry is not None and self._manifests is None:
            raise UsageError("the registry is on a server; give `manifests`, where credentials are kept")

    def __repr__(self) -> str:
        signs = "does not sign" if self.owner is None else f"signs as {self.owner.public.fingerprint}"
        mode = "public" if self._secret is None else "private"
        registry = "" if self.registry is None else f", registry {self.registry}"
        return f"<Session {self.system}, {mode} mode, {signs}{registry}>"

    # ---- without effects

    def embed(
        self,
        source: Source,
        *,
        identity: str | bytes | None = None,
        facts: Facts | Mapping[str, Any] | None = None,
    ) -> ProtectReport:
        """Protect a picture in memory, with the layer of lossless copies; for a lossy file use `produce`.

        source: a path, the bytes of a picture file, an open binary file, a PIL image, an array or tensor
        (see data.arrays.picture_from_array), a Picture, or the result of `data.sources.read_source`.
        identity: 16 hex digits or 8 bytes; None draws one at random.
        facts: of the registry's record, as registry/facts.schema.json describes; need a registry.
        The report's `record` lacks places, hash of the file and signature; see `api.placed_record`.
        Errors: PictureError, ShapeError, CapacityError, KeyFileError, WeightsError, RegistryError; the
        message names the file.
        """
        with named(source):
            return self._produce(self._read(source), None, identity, facts)[0]

    def produce(
        self,
        source: Source,
        name: str | Path,
        *,
        identity: str | bytes | None = None,
        facts: Facts | Mapping[str, Any] | None = None,
        credentials: bool = True,
    ) -> tuple[ProtectReport, EncodedFile]:
        """Protect a picture and make the content of its file, in the format of the suffix of `name`.

        The file is read back: the report states what `verify` finds in it. Where identity or signature are
        not read, a stronger mark is tried; CapacityError where the strongest is not read either. Arguments
        and other errors: those of `embed` and `encode`.
        """
        with named(source):
            read = self._read(source)
            report, encoded = self._produce(
                read, lambda made: self.encode(made, name, credentials=credentials), identity, facts, name
            )
            assert encoded is not None
            return report, encoded

    def encode(self, report: ProtectReport, name: str | Path, *, credentials: bool = True) -> EncodedFile:
        """The content of a protected picture's file, in the format of the suffix of `name`.

        credentials: whether the session's signer, if there is one, signs Content Credentials into it.
        OutputError where the format cannot hold the picture; CredentialsError where it cannot be signed.
        """
        signer = self.credentials if credentials else None
        return protecting.encode(report, str(name), signer, self.system, self.quality)

    def judge(self, source: Source) -> VerifyReport:
        """Verify a picture: who protected it, whether and where it was altered, and what was there.

        source: as in `embed`.
        Errors: PictureError, ShapeError, WeightsError, RegistryError, CredentialsError.
        """
        with named(source):
            read = self._read(source)
            return self._judge_of(read).judge(read)

    # ---- with effects

    def protect(
        self,
        source: Source,
        output: str | Path | BinaryIO | None = None,
        *,
        identity: str | bytes | None = None,
        facts: Facts | Mapping[str, Any] | None = None,
        caption: str | None = None,
        label: str | None = None,
        overwrite: bool = False,
    ) -> ProtectReport:
        """Protect a picture, write it to `output` and add it to the registry.

        output: a file, in the format of its suffix; or an open binary file, in the format of its name's
        suffix or else of the source. None writes none: nothing can carry Content Credentials (UsageError).
        source, identity, facts: as in `embed`. caption: whose hash the mark records where it has room; None
            takes that of the facts. label: what the picture shows, recorded too: a class of ImageNet, its
            index, or "auto" for a classifier's (MissingExtraError without the extra "labels"); None takes
            that of the facts where it is a class.
        Errors: those of `embed` and `encode`; OutputError where the file exists or cannot be written.
        """
        with named(source):
            if self.credentials is not None and output is None:
                raise UsageError("Content Credentials are part of a file; give an output")
            read = self._read(source)
            name = None if output is None else name_of(output) or ""
            encode = None if name is None else partial(self.encode, name=name)
            report, encoded = self._produce(
                read, encode, identity, facts, name, protecting.Recorded(caption, label)
            )
            data = None if encoded is None else encoded.data
            if output is not None and encoded is not None:
                self._write(report, encoded, output, overwrite)
                place = str(output) if isinstance(output, str | Path) else None
                signed, notes = self.credentials is not None, report.notes + encoded.notes
                report = replace(report, output=place, credentials=signed, notes=notes)
            if report.record is not None:
                report = self._register(report, read, data)
            return report

    def verify(
        self,
        source: Source,
        output: str | Path | None = None,
        *,
        stem: str | None = None,
        overwrite: bool = False,
        pdf: bool = False,
    ) -> VerifyReport:
        """Verify a picture and write the findings into the folder `output`: see `report.findings`.

        stem: start of the file names; None takes the source's name. pdf: write STEM.report.pdf, too.
        Errors: those of `judge`; OutputError; MissingExtraError without the extra "pdf".
        """
        with named(source):
            read = self._read(source)
            report = self._judge_of(read).judge(read)
            if output is None:
                return report
            stem = stem or _stem(source)
            files = finding_files(report, stem, folder=Path(output), pdf=pdf)
            write_files(files, Path(output), overwrite)
            return replace(report, written=paths_by_kind(files, stem, Path(output)))

    def retrieve(
        self,
        source: Source,
        output: str | Path | None = None,
        *,
        limit: int = 5,
        stem: str | None = None,
        overwrite: bool = False,
    ) -> list[Match]:
        """The records that a picture leads to, best first, at most `limit`.

        By the identity in the mark; where none is read or the registry lacks it, by the content of the
        picture, recovered as far as the mark allows. `sure` is False for records that are merely the nearest.
        output: a folder; manifests of records that are sure are written there as STEM.c2pa, those of further
        identities as STEM.IDENTITY.c2pa, and the first one's original, where it is kept, as STEM.original.*.
        Errors: those of `judge`; RegistryError without a registry or for a limit below 1; OutputError.
        """
        with named(source):
            registry = self._registry()
            if registry is None:
                raise RegistryError("retrieving needs a registry; give one")
            read = read_source(source, self.max_pixels)
            found = retrieving.find(read, self._model, self._secret, registry, limit, thorough=self.thorough)
            if self._manifests is not None:
                found = retrieving.with_credentials(found, self._manifests, self._trust)
            if output is None:
                return found
            start = Path(output) / (stem or _stem(source))
            return retrieving.written(found, start, self._originals, self.max_pixels, overwrite)

    def examine(
        self,
        source: Source,
        output: str | Path | None = None,
        *,
        stem: str | None = None,
        overwrite: bool = False,
        heat: bool = False,
        text: str | TextSource | None = None,
    ) -> ExamineReport:
        """Examine a picture that nobody protected: its faces for signs of forgery, with all detectors; the
        whole of it for manipulated pixels, with all localizers; and for classical evidence.

        Keys, secret, registry and system of the session are not used.

        output: a folder, in which `report.examined` is written; stem, overwrite: as in `verify`.
        heat: whether the report has the detectors' heat maps; with an output it does.
        text: about the picture, as a caption, for localizers that use one; or a source of such texts, see
            api.picture_text.
        Errors: PictureError, WeightsError; OutputError; UsageError for a text that is empty or too long.
        """
        texts = GivenText(text) if isinstance(text, str) else text
        with named(source):
            read = decode_source(source, self.max_pixels)
            report = self._examiner.examine(read, heat=heat or output is not None, texts=texts)
            if output is None:
                return report
            stem = stem or _stem(source)
            files = examined_files(report, stem, folder=Path(output))
            write_files(files, Path(output), overwrite)
            return replace(report, written=examined_paths(files, stem, Path(output)))

    def keep_original(self, record: Record, source: Source) -> None:
        """Keep the original of a record in `originals`, where that is given. RegistryError."""
        if self.originals is not None:
            OriginalRepository(self.originals).add(record, archive_of(self._read(source)))

    def close(self) -> None:
        """Close the registry, if this session opened it."""
        self.__dict__.pop("_judge", None)
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _model(self) -> Any:
        return zoo.protector(self.system)

    @cached_property
    def _examiner(self) -> Examiner:
        return Examiner.of_zoo()

    @cached_property
    def _judge(self) -> Judge:
        judge = Judge(self._model, self._secret, self._trust, self._registry(), self._manifests)
        return replace(judge, thorough=self.thorough, natural=load_natural(self.recover))

    @cached_property
    def _animations(self) -> str | None:
        """The system that marks animations; None where animated files are refused."""
        return animated.system_of(self.system)

    @cached_property
    def _frames(self) -> MarkedFrames:
        if self._animations is None:
            raise UsageError(f"{self.system} marks no animations, or its weights are not installed")
        return animated.load(self._animations)

    def _read(self, source: Source) -> SourcePicture:
        return read_source(source, self.max_pixels, animated=self._animations is not None)

    def _judge_of(self, read: SourcePicture) -> Judge | animated.FrameJudge:
        return self._judge if read.animation is None else animated.FrameJudge(self._judge, self._frames)

    def _registry(self, *, create: bool = False) -> Registry | None:
        if not isinstance(self.registry, str | Path):
            return self.registry
        if self._opened is None:
            self._opened = open_registry(self.registry, create=create)
        return self._opened

    def _produce(
        self,
        read: SourcePicture,
        encode: Callable[[ProtectReport], EncodedFile] | None,
        identity: str | bytes | None,
        facts: Facts | Mapping[str, Any] | None,
        name: str | Path | None = None,
        recorded: protecting.Recorded = protecting.NOTHING,
    ) -> tuple[ProtectReport, EncodedFile | None]:
        if facts is not None and self.registry is None:
            raise RegistryError("facts are kept in a registry; give one")
        given = None if self.registry is None else protecting.to_facts(facts)
        raw = protecting.identity_bytes(identity)
        if read.animation is not None:
            return self._producer_of_frames(encode).produce(read, raw, given)
        lossless = name is None or is_lossless(read.picture, Path(name), self.quality)
        embedder = Embedder(
            self._model,
            self.system,
            self.owner,
            self._secret,
            self.strength,
            self.rendition_px,
            self._focus,
            recorded,
            lossless,
            self.signing,
        )
        owner = None if self.owner is None else self.owner.public
        reader = Reader(self._model, owner, self._secret, self.max_pixels)
        producer = Producer(embedder, reader, encode, may_refine=self.quality is None)
        if raw is None and self.registry is not None and hasattr(self._model, "draw_identity"):
            raw = self._model.draw_identity(read.picture.shown, self._is_registered)
        return producer.produce(read, raw, given)

    def _producer_of_frames(self, encode: Callable[[ProtectReport], EncodedFile] | None) -> Producer:
        embedder = animated.FrameEmbedder(
            self._frames, animated.SYSTEM, self.owner, self._secret, self.strength, self.rendition_px
        )
        return Producer(embedder, animated.FrameReader(self._frames, self.max_pixels), encode)

    def _is_registered(self, identity: bytes) -> bool:
        """Whether the registry has a record of an identity; False where there is no registry yet."""
        try:
            registry = self._registry()
        except MissingRegistryError:
            return False
        return registry is not None and bool(registry.by_identity(identity.hex()))

    def _write(
        self, report: ProtectReport, encoded: EncodedFile, output: str | Path | BinaryIO, overwrite: bool
    ) -> None:
        if self._manifests is not None and report.identity is not None and encoded.manifest is not None:
            # Before the file: a manifest that is not stored cannot be recovered.
            self._manifests.add(report.identity, encoded.manifest)
        if isinstance(output, str | Path):
            write_atomic(output, encoded.data, overwrite)
        else:
            output.write(encoded.data)

    def _register(self, report: ProtectReport, read: SourcePicture, data: bytes | None) -> ProtectReport:
        """The report with the number of its record. RegistryError, which says whether the file is written."""
        original = None if read.path is None else str(read.path)
        protected = None if report.output is None else str(Path(report.output).absolute())
        try:
            registry = self._registry(create=True)
            assert registry is not None and report.record is not None
            record = protecting.placed_record(
                report.record, data, original=original, protected=protected, owner=self.owner
            )
            self.keep_original(record, read)
            (number,) = registry.add([record])
        except RegistryError as error:
            if report.output is None:
                raise
            raise RegistryError(f"{error} ({report.output} is written, but not registered)") from error
        return replace(report, record=record, registered=number)


def _stem(source: Source) -> str:
    name = name_of(source)
    return "picture" if name is None else Path(name).stem
