"""Every error that EndoLink raises for something it was given.

    EndoLinkError
    ├── FrameError                  the bytes of one image
    │   ├── FrameEmpty              frame-empty
    │   ├── FrameTooLarge           frame-too-large           more bytes than allowed
    │   ├── FrameTooManyPixels      frame-too-many-pixels     the header promises too many pixels
    │   ├── FrameTooSmall           frame-too-small           too few pixels to judge
    │   ├── FrameNotAnImage         frame-not-an-image
    │   ├── FrameUnsupported        frame-unsupported         an image, of a kind that is not read
    │   ├── FrameAnimated           frame-animated            more than one picture in the file
    │   ├── FrameMislabelled        frame-mislabelled         the name or media type says otherwise
    │   ├── FrameTruncated          frame-truncated           the file ends too early
    │   └── FrameCorrupt            frame-corrupt             the file breaks its format's rules
    ├── SourceError                 a path or a folder that was to be scored
    │   ├── SourceMissing           source-missing
    │   ├── SourceUnreadable        source-unreadable
    │   ├── ContainerUnreadable     container-unreadable      a ZIP or TAR, or a member of one
    │   ├── ContainerUnsafe         container-unsafe          a bomb, or a name that leads outside
    │   └── ContainerNested         container-nested          a container within a container
    ├── LedgerError                 the record of what was scored
    │   ├── LedgerBusy              ledger-busy               another run writes there
    │   ├── LedgerMismatch          ledger-mismatch           of another model or other options
    │   └── LedgerUnreadable        ledger-unreadable
    ├── VideoError                  a video file
    │   ├── VideoUnreadable         video-unreadable
    │   └── VideoTooLarge           video-too-large
    ├── DicomError                  a DICOM file
    │   ├── DicomUnreadable         dicom-unreadable          not DICOM, or a damaged header
    │   ├── DicomUnsupported        dicom-unsupported         DICOM of a kind that is not read
    │   │   └── DicomOwn                dicom-own                 written by EndoLink: no source
    │   ├── DicomTooLarge           dicom-too-large
    │   └── DicomCorrupt            dicom-corrupt             pixel data that breaks its promises
    ├── PacsError                   an archive that is spoken to over DICOMweb
    │   ├── PacsUnreachable         pacs-unreachable
    │   └── PacsRefused             pacs-refused              it answered otherwise than asked
    ├── EgressRefused               egress-refused            the rules keep data from a destination
    ├── AccessError                 who may ask
    │   ├── KeysUnusable            keys-unusable             the file of API keys
    │   └── IdentityUnreachable     identity-unreachable      the OpenID Connect provider
    ├── AuditError                  the log of who asked what
    │   ├── AuditUnavailable        audit-unavailable         it cannot be written, or read
    │   ├── AuditTampered           audit-tampered            it is not what was written
    │   └── AuditKeyUnusable        audit-key-unusable
    ├── RetentionError              frames that are kept
    │   ├── RetentionUnavailable    retention-unavailable     they cannot be written, or read
    │   ├── RetentionKeyUnusable    retention-key-unusable
    │   └── RetainedUnknown         retained-unknown          no such frame is kept
    ├── SinkUnsuited                sink-unsuited             results that this form cannot hold
    ├── ClusterFailed               cluster-failed            the machines that were to score
    ├── ReviewMissing               review-missing            a human has to look first
    ├── TimeBackwards               time-backwards            frames out of the order of time
    ├── BundleError                 an exported model on disk
    │   ├── BundleMissing           bundle-missing
    │   ├── BundleInvalid           bundle-invalid            the manifest breaks the schema
    │   ├── BundleTampered          bundle-tampered           a file fails its hash
    │   ├── BundleSelfTestFailed    bundle-self-test-failed   right bytes, wrong numbers
    │   └── BundleUntrusted         bundle-untrusted          nobody who is trusted vouches for it
    │       ├── BundleUnsigned          bundle-unsigned
    │       ├── BundleSignerUnknown     bundle-signer-unknown
    │       └── BundleSignatureInvalid  bundle-signature-invalid  damaged, or of other files
    ├── SigningKeyUnusable          signing-key-unusable      a key or certificate of bundles
    ├── ProviderUnavailable         provider-unavailable      the execution provider asked for
    │   └── ProviderAbsent          provider-absent           not installed, or not for this machine
    ├── DataError                   a data set or a split
    │   ├── DataLayout              data-layout               not the data set's own folders
    │   ├── SplitLeak               split-leak                one group on both sides of a split
    │   ├── DownloadFailed          download-failed           the rest of a file does not come
    │   └── DownloadMismatch        download-mismatch         not the file that was published
    ├── TrainingRefused             training-refused          a run cannot start, or go on, as asked
    ├── ExportRefused               export-refused            a gate was not passed
    ├── CommandBroken               command-broken            a sub-command that does not load
    ├── ExtraMissing                extra-missing             an optional install is needed
    ├── StreamError                 a live stream's connection
    │   ├── StreamMessageInvalid    stream-message-invalid
    │   ├── SessionUnknown          session-unknown           over, or never was
    │   └── ServiceUnreachable      service-unreachable       seen by a client
    ├── Abandoned                   abandoned                 work that nobody waits for any more
    └── RequestError                a call to the service
        ├── RequestInvalid          request-invalid
        ├── RequestTooLarge         request-too-large
        ├── UploadTooSlow           upload-too-slow
        ├── MediaTypeUnsupported    media-type-unsupported
        ├── Unauthenticated         unauthenticated           nobody we know, or no longer
        ├── Forbidden               forbidden                 somebody who may not
        ├── RateLimited             rate-limited              too often, or too much at once
        ├── ModelUnknown            model-unknown
        ├── Overloaded              overloaded
        ├── DeadlineExceeded        deadline-exceeded         the verdict would come too late
        ├── ShuttingDown            shutting-down
        ├── ModelChangeRefused      model-change-refused      the models before go on answering
        └── NotAllowed              not-allowed               only from this machine itself

`code` is stable: clients, logs and archives may rely on it. `detail` says what was wrong with this
input and what to do; it never contains the input's bytes, nor text read out of them.
"""

from typing import ClassVar


class EndoLinkError(Exception):
    """The root of the tree; `str(error)` is its detail.

    A subclass of this that is raised on its own always has a `code` and a `title` of its own.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class FrameError(EndoLinkError):
    """The bytes given for a frame cannot be judged."""

    code = "frame-error"
    title = "The frame cannot be read"


class FrameEmpty(FrameError):
    code = "frame-empty"
    title = "The frame has no bytes"


class FrameTooLarge(FrameError):
    code = "frame-too-large"
    title = "The frame has too many bytes"


class FrameTooManyPixels(FrameError):
    code = "frame-too-many-pixels"
    title = "The frame has too many pixels"


class FrameTooSmall(FrameError):
    code = "frame-too-small"
    title = "The frame has too few pixels"


class FrameNotAnImage(FrameError):
    code = "frame-not-an-image"
    title = "The bytes are not an image"


class FrameUnsupported(FrameError):
    code = "frame-unsupported"
    title = "This kind of image is not read"


class FrameAnimated(FrameError):
    code = "frame-animated"
    title = "The file holds more than one picture"


class FrameMislabelled(FrameError):
    code = "frame-mislabelled"
    title = "The image is not of the kind that its name or media type says"


class FrameTruncated(FrameError):
    code = "frame-truncated"
    title = "The image ends too early"


class FrameCorrupt(FrameError):
    code = "frame-corrupt"
    title = "The image is damaged"


class SourceError(EndoLinkError):
    """A path that was to be scored cannot be."""

    code = "source-error"
    title = "The source cannot be read"


class SourceMissing(SourceError):
    code = "source-missing"
    title = "There is nothing at this path"


class SourceUnreadable(SourceError):
    code = "source-unreadable"
    title = "The file cannot be opened"


class ContainerUnreadable(SourceError):
    code = "container-unreadable"
    title = "The container, or a member of it, cannot be read"


class ContainerUnsafe(SourceError):
    code = "container-unsafe"
    title = "The container would do harm"


class ContainerNested(SourceError):
    code = "container-nested"
    title = "A container within a container is not opened"


class LedgerError(EndoLinkError):
    """The record of what was scored cannot be gone on with."""

    code = "ledger-error"
    title = "The ledger cannot be used"


class LedgerBusy(LedgerError):
    code = "ledger-busy"
    title = "Another run is writing into this folder"


class LedgerMismatch(LedgerError):
    code = "ledger-mismatch"
    title = "The folder holds results of another kind"


class LedgerUnreadable(LedgerError):
    code = "ledger-unreadable"
    title = "The ledger is damaged, or not a ledger"


class VideoError(EndoLinkError):
    """A video file cannot be turned into frames."""

    code = "video-error"
    title = "The video cannot be read"


class VideoUnreadable(VideoError):
    code = "video-unreadable"
    title = "The file is not a video that can be decoded"


class VideoTooLarge(VideoError):
    code = "video-too-large"
    title = "The video's pictures have too many pixels"


class DicomError(EndoLinkError):
    """A DICOM file cannot be turned into frames."""

    code = "dicom-error"
    title = "The DICOM file cannot be read"


class DicomUnreadable(DicomError):
    code = "dicom-unreadable"
    title = "The file is not DICOM, or its header is damaged"


class DicomUnsupported(DicomError):
    code = "dicom-unsupported"
    title = "This kind of DICOM file is not read"


class DicomOwn(DicomUnsupported):
    code = "dicom-own"
    title = "EndoLink has written this DICOM file itself"


class DicomTooLarge(DicomError):
    code = "dicom-too-large"
    title = "The DICOM file holds too much"


class DicomCorrupt(DicomError):
    code = "dicom-corrupt"
    title = "The pixel data is not what the header promises"


class PacsError(EndoLinkError):
    """A PACS cannot be asked, or does not answer as DICOMweb says."""

    code = "pacs-error"
    title = "The PACS did not give what was asked for"


class PacsUnreachable(PacsError):
    code = "pacs-unreachable"
    title = "The PACS cannot be reached"


class PacsRefused(PacsError):
    code = "pacs-refused"
    title = "The PACS refused"


class EgressRefused(EndoLinkError):
    code = "egress-refused"
    title = "The rules do not let this data go there"


class AccessError(EndoLinkError):
    """Nobody can be told from anybody else."""

    code = "access-error"
    title = "It cannot be checked who asks"


class KeysUnusable(AccessError):
    code = "keys-unusable"
    title = "The file of API keys cannot be used"


class IdentityUnreachable(AccessError):
    code = "identity-unreachable"
    title = "The identity provider cannot be reached"


class AuditError(EndoLinkError):
    """The audit log cannot be relied on."""

    code = "audit-error"
    title = "The audit log cannot be relied on"


class AuditUnavailable(AuditError):
    code = "audit-unavailable"
    title = "The audit log cannot be used"


class AuditTampered(AuditError):
    code = "audit-tampered"
    title = "The audit log is not what was written"


class AuditKeyUnusable(AuditError):
    code = "audit-key-unusable"
    title = "The key that signs the audit log cannot be used"


class RetentionError(EndoLinkError):
    """Frames that are kept, or were to be, are not as they should be."""

    code = "retention-error"
    title = "Frames cannot be kept"


class RetentionUnavailable(RetentionError):
    code = "retention-unavailable"
    title = "The kept frames cannot be used"


class RetentionKeyUnusable(RetentionError):
    code = "retention-key-unusable"
    title = "The key of the kept frames cannot be used"


class RetainedUnknown(RetentionError):
    code = "retained-unknown"
    title = "No such frame is kept"


class SinkUnsuited(EndoLinkError):
    code = "sink-unsuited"
    title = "The results cannot be written in this form"


class ClusterFailed(EndoLinkError):
    code = "cluster-failed"
    title = "The cluster cannot score"


class ReviewMissing(EndoLinkError):
    code = "review-missing"
    title = "A human has to look at the frames first"


class TimeBackwards(EndoLinkError):
    code = "time-backwards"
    title = "The frames are not in the order of time"


class BundleError(EndoLinkError):
    """An exported model is refused."""

    code = "bundle-error"
    title = "The bundle is refused"


class BundleMissing(BundleError):
    code = "bundle-missing"
    title = "There is no bundle at this path"


class BundleInvalid(BundleError):
    code = "bundle-invalid"
    title = "The bundle's manifest is not valid"


class BundleTampered(BundleError):
    code = "bundle-tampered"
    title = "A file of the bundle is not the one its manifest describes"


class BundleSelfTestFailed(BundleError):
    code = "bundle-self-test-failed"
    title = "The bundle's network does not give the numbers it was exported with"


class BundleUntrusted(BundleError):
    """The bundle may be sound, and nobody who is trusted says so."""

    code = "bundle-untrusted"
    title = "Nobody who is trusted vouches for the bundle"


class BundleUnsigned(BundleUntrusted):
    code = "bundle-unsigned"
    title = "The bundle is not signed"


class BundleSignerUnknown(BundleUntrusted):
    code = "bundle-signer-unknown"
    title = "The bundle is signed by nobody who is trusted here"


class BundleSignatureInvalid(BundleUntrusted):
    code = "bundle-signature-invalid"
    title = "The bundle's signature does not hold"


class SigningKeyUnusable(EndoLinkError):
    code = "signing-key-unusable"
    title = "A key or certificate that signs bundles cannot be used"


class ProviderUnavailable(EndoLinkError):
    code = "provider-unavailable"
    title = "The execution provider that was asked for is not here"


class ProviderAbsent(ProviderUnavailable):
    """Its package is not installed, or it has no device on this machine: nobody counted on it."""

    code = "provider-absent"
    title = "The execution provider is not one for this machine"


class DataError(EndoLinkError):
    """A data set or a split cannot be used."""

    code = "data-error"
    title = "The data cannot be used"


class DataLayout(DataError):
    code = "data-layout"
    title = "The folder is not laid out as the data set is"


class SplitLeak(DataError):
    code = "split-leak"
    title = "The same group stands on both sides of the split"


class DownloadFailed(DataError):
    code = "download-failed"
    title = "The download did not finish"


class DownloadMismatch(DataError):
    code = "download-mismatch"
    title = "The file is not the one that was published"


class TrainingRefused(EndoLinkError):
    code = "training-refused"
    title = "The training cannot be done as asked"


class ExportRefused(EndoLinkError):
    code = "export-refused"
    title = "The exported network did not pass its gate"


class CommandBroken(EndoLinkError):
    code = "command-broken"
    title = "A sub-command of endolink does not load"


class ExtraMissing(EndoLinkError):
    code = "extra-missing"
    title = "An optional part of EndoLink is not installed"


class StreamError(EndoLinkError):
    """A live stream cannot begin, go on, or read what came."""

    code = "stream-error"
    title = "The stream cannot go on"


class StreamMessageInvalid(StreamError):
    """A message breaks the protocol; `sequence` is the frame's number where that could be read.

    `unknown_type` where it is well formed, and of a type that only newer versions know.
    """

    code = "stream-message-invalid"
    title = "The message is not well formed"

    def __init__(
        self, detail: str, sequence: int | None = None, *, unknown_type: bool = False
    ) -> None:
        super().__init__(detail)
        self.sequence = sequence
        self.unknown_type = unknown_type


class SessionUnknown(StreamError):
    code = "session-unknown"
    title = "There is no such session to resume"


class ServiceUnreachable(StreamError):
    code = "service-unreachable"
    title = "The service cannot be reached"


class Abandoned(EndoLinkError):
    code = "abandoned"
    title = "Nobody waits for the verdict any more"


class RequestError(EndoLinkError):
    """A call to the service that is not answered with a verdict."""

    code = "request-error"
    title = "The request cannot be answered"


class RequestInvalid(RequestError):
    code = "request-invalid"
    title = "The request is not well formed"


class RequestTooLarge(RequestError):
    code = "request-too-large"
    title = "The request's body is too large"


class UploadTooSlow(RequestError):
    code = "upload-too-slow"
    title = "The request's body did not arrive in time"


class MediaTypeUnsupported(RequestError):
    code = "media-type-unsupported"
    title = "The request's body is of a kind that is not read"


class Unauthenticated(RequestError):
    code = "unauthenticated"
    title = "It is not known who asks"


class Forbidden(RequestError):
    code = "forbidden"
    title = "Whoever asks may not do this"


class RateLimited(RequestError):
    """A client asks more than it may; `retry_after` is in seconds."""

    code = "rate-limited"
    title = "This client asks too much"

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ModelUnknown(RequestError):
    code = "model-unknown"
    title = "No such model is being served"


class Overloaded(RequestError):
    """The service has as much work as it can finish in time; `retry_after` is in seconds."""

    code = "overloaded"
    title = "The service is busy"

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class DeadlineExceeded(RequestError):
    code = "deadline-exceeded"
    title = "The verdict would come too late"


class ShuttingDown(RequestError):
    code = "shutting-down"
    title = "The service is shutting down"


class ModelChangeRefused(RequestError):
    code = "model-change-refused"
    title = "The models were not changed"


class NotAllowed(RequestError):
    code = "not-allowed"
    title = "This is not done for everybody"
