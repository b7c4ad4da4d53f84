"""Errors of the engine.

    EngineError
    ├── SuiteError            a file or a definition is wrong: fix the input (it names the place)
    ├── ScoringError          an answer could not be scored: an error of the case, never a failure
    └── ProviderError         a model did not answer
        ├── SetupError        a key, an address or a package is missing
        │   └── UnknownProviderError  an id means no provider that there is here
        ├── RefusedError      this request is wrong for this model: trying again is no help
        │   ├── AuthenticationError   the key is wrong, may not do this, or its account is empty
        │   ├── ContextTooLongError   the prompt is longer than the model reads
        │   └── ContentFilterError    the service refused the content
        ├── RateLimitError    too many requests: again after `retry_after_seconds`
        ├── ServiceError      the service is down or answered with an error of its own: again later
        ├── BrokenAnswerError the answer was cut or is no JSON of the kind that was promised
        └── UnansweredError   no answer in time; the service may have worked on it all the same

`may_retry` says whether the same request can be sent again without the risk of paying twice: where
the service said that it did not do the work. No message contains a key.
"""

from typing import Any, ClassVar

from core.sentences import CodedError, Sentence

__all__ = [
    "AuthenticationError",
    "BrokenAnswerError",
    "ContentFilterError",
    "ContextTooLongError",
    "EngineError",
    "ProviderError",
    "RateLimitError",
    "RefusedError",
    "ScoringError",
    "ServiceError",
    "SetupError",
    "SuiteError",
    "UnansweredError",
    "UnknownProviderError",
]


class EngineError(CodedError):
    """Base of what the engine refuses; `str()` is one sentence for the user."""


class SuiteError(EngineError):
    """A file or a definition is wrong; the sentence names the place and what is allowed."""


class ScoringError(EngineError):
    """An answer could not be scored."""


class ProviderError(EngineError):
    """A model did not answer.

    Attributes:
        may_retry: whether the same request may be sent again without paying twice.
        retry_after_seconds: how long the service asks to wait, None where it did not say.
        status: the HTTP status it stands for, None where there was none.
        most_retries: how often it is worth trying again at most; None: as the provider's limits.
        attempts: how many requests were sent, 0 where none was.
    """

    may_retry: ClassVar[bool] = False

    def __init__(
        self,
        sentence: Sentence | str,
        /,
        *,
        at: object = None,
        retry_after_seconds: float | None = None,
        status: int | None = None,
        most_retries: int | None = None,
        **params: Any,
    ) -> None:
        super().__init__(sentence, at=at, **params)
        self.retry_after_seconds = retry_after_seconds
        self.status = status
        self.most_retries = most_retries
        self.attempts = 0


class SetupError(ProviderError):
    """A key, an address or a package is missing, or there is no such provider."""


class UnknownProviderError(SetupError):
    """An id means no provider that there is here; of a file it is an error of its column alone."""


class RefusedError(ProviderError):
    """This request is wrong for this model."""


class AuthenticationError(RefusedError):
    """The key is wrong, may not do this, or its account is empty."""


class ContextTooLongError(RefusedError):
    """The prompt is longer than the model reads."""


class ContentFilterError(RefusedError):
    """The service refused the content."""


class RateLimitError(ProviderError):
    """Too many requests."""

    may_retry = True


class ServiceError(ProviderError):
    """The service is down, or answered with an error of its own."""

    may_retry = True


class BrokenAnswerError(ProviderError):
    """The answer was cut, or is not what was promised; the work was done and may be paid."""


class UnansweredError(ProviderError):
    """No answer in time; the service may have worked on it all the same."""
