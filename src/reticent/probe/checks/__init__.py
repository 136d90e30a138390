"""One check a file; `CHECKS` is the table of them, in the order in which they run.

What reads earlier replies comes after what makes them, and what uses up an allowance comes last.
"""

from reticent.probe.base import Check
from reticent.probe.checks.answer_timing import AnswerTiming
from reticent.probe.checks.documentation_route import DocumentationRoute
from reticent.probe.checks.explanation_route import ExplanationRoute
from reticent.probe.checks.full_precision_scores import FullPrecisionScores
from reticent.probe.checks.log_probabilities import LogProbabilities
from reticent.probe.checks.metadata_route import MetadataRoute
from reticent.probe.checks.no_authentication import NoAuthentication
from reticent.probe.checks.no_rate_limit import NoRateLimit
from reticent.probe.checks.no_tls import NoTls
from reticent.probe.checks.open_cors import OpenCors
from reticent.probe.checks.raw_embeddings import RawEmbeddings
from reticent.probe.checks.server_headers import ServerHeaders
from reticent.probe.checks.undeclared_route import UndeclaredRoute
from reticent.probe.checks.unkeyed_noise import UnkeyedNoise
from reticent.probe.checks.verbose_errors import VerboseErrors

CHECKS: tuple[type[Check], ...] = (
    NoAuthentication,
    FullPrecisionScores,
    RawEmbeddings,
    LogProbabilities,
    MetadataRoute,
    ExplanationRoute,
    DocumentationRoute,
    OpenCors,
    NoTls,
    UnkeyedNoise,
    AnswerTiming,
    VerboseErrors,
    NoRateLimit,
    UndeclaredRoute,
    ServerHeaders,
)

__all__ = ["CHECKS"]
