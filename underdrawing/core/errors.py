"""The errors that callers may catch.

UnderdrawingError
|- PictureError (ValueError)      a file is no picture that can be read: truncated, wrong type, animated
|- ShapeError (ValueError)        an array or picture has sides that cannot be worked with
|- CapacityError (ValueError)     more bits were asked for than the picture or the carrier can hold
|- CodeError (ValueError)         received bits are no valid codeword, packet or layout
|- KeyFileError (ValueError)      a key file, secret or trust store cannot be used
|- OutputError (OSError)          an output cannot be written, or exists already
|- RegistryError (RuntimeError)   a registry cannot be opened, read or written, or a record is not a valid one
|- CredentialsError (RuntimeError) Content Credentials cannot be signed or kept
|- WeightsError (RuntimeError)    a weight file is missing, damaged or not the one its card names
|- UsageError (ValueError)        a command, a name or a choice that cannot work; the message says what can
`- MissingExtraError (ImportError) an optional package is not installed; the message names the extra
"""


class UnderdrawingError(Exception):
    """Root of every error that this package raises on purpose."""


class PictureError(UnderdrawingError, ValueError):
    """A file is no picture that can be read; the message says why and names the file where it is known."""


class ShapeError(UnderdrawingError, ValueError):
    """A picture or array has sides that cannot be worked with."""


class CapacityError(UnderdrawingError, ValueError):
    """More bits were asked for than the picture can carry."""


class CodeError(UnderdrawingError, ValueError):
    """Received bits are no valid codeword, packet or layout."""


class KeyFileError(UnderdrawingError, ValueError):
    """A key file, secret or trust store cannot be used."""


class OutputError(UnderdrawingError, OSError):
    """An output cannot be written, or exists already and overwriting was not asked for."""


class RegistryError(UnderdrawingError, RuntimeError):
    """A registry cannot be opened, read or written, or a record or its facts are not valid."""


class CredentialsError(UnderdrawingError, RuntimeError):
    """Content Credentials cannot be signed, written or kept."""


class WeightsError(UnderdrawingError, RuntimeError):
    """A weight file is missing, damaged or not the one that its card names."""


class UsageError(UnderdrawingError, ValueError):
    """A command, a name or a choice that cannot work; the message says what can."""


class MissingExtraError(UnderdrawingError, ImportError):
    """An optional package is not installed; the message names the extra to install."""
