"""The errors that callers may catch.

UnderdrawingError
|- PictureError (ValueError)      a file is not a readable picture: truncated, wrong type, animated
|  `- MissingPictureError (FileNotFoundError)    there is no such file
|- ShapeError (ValueError)        an array or picture has an unsupported shape
|- CapacityError (ValueError)     more bits were requested than the picture or carrier can hold
|- CodeError (ValueError)         received bits are not a valid codeword or packet
|- KeyFileError (ValueError)      a key file, secret or trust store cannot be used
|  `- MissingKeyFileError (FileNotFoundError)
|- OutputError (OSError)          an output cannot be written, or exists already
|- RegistryError (RuntimeError)   a registry cannot be opened, read or written, or a record is not a valid one
|  `- MissingRegistryError (FileNotFoundError)
|- CredentialsError (RuntimeError) Content Credentials cannot be signed or stored
|- WeightsError (RuntimeError)    a weight file is missing, damaged or not the one of its card
|- UsageError (ValueError)        a command, name or option is not possible; the message lists what is
`- MissingExtraError (ImportError) an optional package is not installed; the message names the extra
"""


class UnderdrawingError(Exception):
    """Root of every error that this package raises on purpose."""


class PictureError(UnderdrawingError, ValueError):
    """A file is not a readable picture; the message gives the reason and, where known, the file."""


class MissingPictureError(PictureError, FileNotFoundError):
    """There is no such picture file."""


class ShapeError(UnderdrawingError, ValueError):
    """A picture or array has an unsupported shape."""


class CapacityError(UnderdrawingError, ValueError):
    """More bits were requested than the picture or carrier can hold."""


class CodeError(UnderdrawingError, ValueError):
    """Received bits are not a valid codeword or packet."""


class KeyFileError(UnderdrawingError, ValueError):
    """A key file, secret or trust store cannot be used."""


class MissingKeyFileError(KeyFileError, FileNotFoundError):
    """There is no such key file or secret."""


class OutputError(UnderdrawingError, OSError):
    """An output cannot be written, or exists already and `overwrite` is not set."""


class RegistryError(UnderdrawingError, RuntimeError):
    """A registry cannot be opened, read or written, or a record or its facts are not valid."""


class MissingRegistryError(RegistryError, FileNotFoundError):
    """There is no such registry."""


class CredentialsError(UnderdrawingError, RuntimeError):
    """Content Credentials cannot be signed, written or stored."""


class WeightsError(UnderdrawingError, RuntimeError):
    """A weight file is missing, damaged or not the one of its card."""


class UsageError(UnderdrawingError, ValueError):
    """A command, name or option is not possible; the message lists what is."""


class MissingExtraError(UnderdrawingError, ImportError):
    """An optional package is not installed; the message names the extra to install."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, as NumPy, OpenCV, onnxruntime or torch report it."""
    opencv_no_memory = -4  # cv2.Error.StsNoMem
    no_memory = isinstance(error, MemoryError) or getattr(error, "code", None) == opencv_no_memory
    texts = "DefaultCPUAllocator", "Failed to allocate memory", "bad_alloc"
    return no_memory or any(text in str(error) for text in texts)
