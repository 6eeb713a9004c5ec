"""The exceptions that the library raises on purpose.

::

    DtmfError
    ├── InvalidToneError       (ValueError)  a key, a tone name, an event code or a dial string
    ├── InvalidSettingError    (ValueError)  a timing, a level, a rate, a profile
    ├── InvalidSignalError     (ValueError)  an array that is not audio: its type, shape or values
    ├── InvalidRequestError    (ValueError)  a body that is not the request, or the notification, that it should be
    ├── AudioFileError         (OSError)     a file or pipe that cannot be read or written as audio
    ├── MissingLibraryError    (ImportError) a library that only some uses need, and that is not installed
    ├── RedactionError         (RuntimeError) digits that could not be taken out of a recording
    ├── DecoderError           (RuntimeError) a decoder under test that cannot be run, or answers nonsense
    ├── GraphServiceError      (RuntimeError) what the emulated service answers with an error
    └── ScanError              (RuntimeError) workers or a scheduler that a scan cannot go on without

Each message names the problem, the place and the remedy, and shows both what was found and what was
wanted. Arguments are checked once, where they enter; nothing further in checks them again.
"""


class DtmfError(Exception):
    """Root of the family: catches everything that the library refuses."""


class InvalidToneError(DtmfError, ValueError):
    """A key, tone name, event code or dial string that names no tone."""


class InvalidSettingError(DtmfError, ValueError):
    """A setting outside its range, or settings that contradict each other."""


class InvalidSignalError(DtmfError, ValueError):
    """An array that is not audio: its dtype, its shape or a sample that is not finite."""


class InvalidRequestError(DtmfError, ValueError):
    """A body that is not the one of Graph that it should be: ``sendDtmfTones``, a call, notifications."""


class AudioFileError(DtmfError, OSError):
    """An audio file or pipe that cannot be opened, read, understood or written."""


class MissingLibraryError(DtmfError, ImportError):
    """A library is needed that is not installed with the package; the message says how to install it."""


class RedactionError(DtmfError, RuntimeError):
    """Digits that are still heard in what should be without them, or samples that changed and should not have."""


class DecoderError(DtmfError, RuntimeError):
    """A decoder that is to be judged and cannot be run, or whose answer cannot be understood."""


class GraphServiceError(DtmfError, RuntimeError):
    """A request that the emulated Graph service answers with an error.

    Parameters
    ----------
    status : int
        HTTP status.
    code, message : str
        Of the error's body; codes of cloud communications are numbers, written as strings.
    retry_after_s : int, optional
        Seconds after which it is worth trying again: the header ``Retry-After``.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


class ScanError(DtmfError, RuntimeError):
    """A scan of many files cannot go on: its workers do not start, or the cluster is not there."""
