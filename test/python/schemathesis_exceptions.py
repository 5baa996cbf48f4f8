"""What schemathesis complains of though it is meant so, each with its reason. It must find nothing else.

`st run` loads this file as its hooks. CONTRIBUTING.md tells the reasons as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import RejectedPositiveData

DOORS = ("/v1/images/", "/v1/videos", "/v1/quote")

# No request of the tests leaves the machine: there is no such host (RFC 2606).
schemathesis.openapi.format("uri", st.sampled_from(["https://hooks.invalid/a", "http://hooks.invalid:8080/b?c=d"]))


@dataclass(frozen=True)
class Meant:
    """A kind of complaint that is none. `applies` looks at what was sent and at the `error` of the answer, and at the complaint itself."""

    reason: str
    kind: type[Failure]
    applies: Callable[[Any, dict[str, Any], Failure], bool]


def refused(*codes: str, params: tuple[str, ...] = (), paths: tuple[str, ...] = ("/",)) -> Callable[..., bool]:
    """One of these errors, at one of these fields where any are named, on paths that begin so."""
    return lambda case, error, _failure: (
        error.get("code") in codes and (not params or error.get("param") in params) and case.path.startswith(paths)
    )


MEANT = [
    Meant(
        "What a model takes is in its own schema, GET /v1/models/{id}.",
        RejectedPositiveData,
        lambda case, error, _: case.path.startswith(DOORS) and error.get("status") in (400, 424) and "model" in error,
    ),
    Meant(
        "What a text leads to is not in the text: a picture, a part of the form, a host that may be called.",
        RejectedPositiveData,
        lambda case, error, failure: (
            refused("reference_fetch_failed", "reference_invalid", "url_blocked", "webhook_url_not_allowed")(case, error, failure)
            or (error.get("code") == "malformed_multipart" and error.get("param", "").startswith("reference_images["))
        ),
    ),
    Meant(
        "Cursors and event ids are those that the gateway gave.",
        RejectedPositiveData,
        refused("invalid_query", params=("after", "last-event-id")),
    ),
    Meant(
        "It depends on what was there before: a quote, an idempotency key, a budget, a key's webhook.",
        RejectedPositiveData,
        refused("quote_not_found", "quote_mismatch", "idempotency_key_reused", "quota_exceeded", "no_webhook_configured"),
    ),
    Meant(
        "No schema can bound a sum: what is left of a cost, references of all roles together.",
        RejectedPositiveData,
        refused("param_out_of_range", params=("amount_usd", "reference_counts")),
    ),
    Meant(
        "Fields of which one must be there, or that contradict each other.",
        RejectedPositiveData,
        lambda case, error, failure: (
            error.get("message", "").endswith((" needs image_url or file_id.", " has either image_url or file_id."))
            or refused("model_required", paths=("/v1/quote",))(case, error, failure)
            or refused("param_invalid_type", "param_unsupported", params=("models", "seconds", "cost_usd", "webhook_events"))(
                case, error, failure
            )
        ),
    ),
    Meant(
        "A key cannot expire in the past.",
        RejectedPositiveData,
        refused("param_out_of_range", params=("expires_at",)),
    ),
    Meant(
        "What is sent must be storable: no U+0000, and in free-form objects whole numbers that are kept exactly.",
        RejectedPositiveData,
        lambda _case, error, _: (
            "cannot be stored" in error.get("message", "") or "not kept exactly" in error.get("message", "")
        ),
    ),
    Meant(
        "A part of a form is text unless it has a type or a file's name (RFC 7578, section 4.4).",
        RejectedPositiveData,
        lambda case, error, _: case.media_type == "multipart/form-data" and error.get("code") == "invalid_encoding",
    ),
    Meant(
        "Headers that nobody knows are passed over (RFC 9110, section 5.1).",
        AcceptedNegativeData,
        lambda _case, _error, failure: "in header - object with unexpected properties" in failure.message,
    ),
]


def error_of(response: Any) -> dict[str, Any]:
    try:
        return response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}


@schemathesis.hook
def filter_failure(_context: Any, failure: Failure, case: Any, response: Any) -> bool:
    error = error_of(response)
    return not any(isinstance(failure, meant.kind) and meant.applies(case, error, failure) for meant in MEANT)
