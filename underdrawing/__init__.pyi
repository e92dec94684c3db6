# Types of the names that __init__.py imports at first use.
from underdrawing.api import Session as Session
from underdrawing.api import protect as protect
from underdrawing.api import retrieve as retrieve
from underdrawing.api import verify as verify
from underdrawing.core.errors import CapacityError as CapacityError
from underdrawing.core.errors import CodeError as CodeError
from underdrawing.core.errors import CredentialsError as CredentialsError
from underdrawing.core.errors import KeyFileError as KeyFileError
from underdrawing.core.errors import MissingExtraError as MissingExtraError
from underdrawing.core.errors import OutputError as OutputError
from underdrawing.core.errors import PictureError as PictureError
from underdrawing.core.errors import RegistryError as RegistryError
from underdrawing.core.errors import ShapeError as ShapeError
from underdrawing.core.errors import UnderdrawingError as UnderdrawingError
from underdrawing.core.errors import UsageError as UsageError
from underdrawing.core.errors import WeightsError as WeightsError
from underdrawing.core.types import Credentials as Credentials
from underdrawing.core.types import Signature as Signature
from underdrawing.core.types import Verdict as Verdict
from underdrawing.registry.retrieval import Match as Match
from underdrawing.report.reports import ProtectReport as ProtectReport
from underdrawing.report.reports import VerifyReport as VerifyReport

__version__: str
