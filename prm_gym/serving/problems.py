"""Refusals: what a client is told, with a code for programs and a sentence for persons (RFC 9457)."""

from http import HTTPStatus

from prm_gym.serving.wire import ProblemBody

# Code of a refusal, and the status that it is sent with.
CODES: dict[str, HTTPStatus] = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "bad_option": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "bad_host": HTTPStatus.FORBIDDEN,
    "not_offered": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "no_session": HTTPStatus.NOT_FOUND,
    "no_snapshot": HTTPStatus.NOT_FOUND,
    "bad_method": HTTPStatus.METHOD_NOT_ALLOWED,
    "too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "out_of_step": HTTPStatus.CONFLICT,
    "reset_needed": HTTPStatus.CONFLICT,
    "generator_lost": HTTPStatus.CONFLICT,
    "session_busy": HTTPStatus.CONFLICT,
    "cannot": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "not_json": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "too_many_sessions": HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "environment_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "environment_fault": HTTPStatus.SERVICE_UNAVAILABLE,
    "closing": HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(Exception):  # noqa: N818 - the RFC's word
    """Raised where a request is refused; it becomes the response."""

    def __init__(self, code: str, detail: str, retry_after: float | None = None) -> None:
        """Say why.

        Args:
            code: of `CODES`.
            detail: one sentence for a person; nothing of it may be sealed.
            retry_after: seconds after which it may go better; None where it will not.
        """
        super().__init__(detail)
        self.code, self.detail, self.retry_after = code, detail, retry_after

    @property
    def status(self) -> HTTPStatus:
        """Of the response."""
        return CODES[self.code]

    def body(self) -> ProblemBody:
        """Of the response."""
        return ProblemBody(type="about:blank", title=self.status.phrase, status=int(self.status), code=self.code, detail=self.detail)

    def headers(self) -> dict[str, str]:
        """Of the response."""
        return {} if self.retry_after is None else {"retry-after": str(max(1, round(self.retry_after)))}
