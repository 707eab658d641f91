"""What can go wrong between the service and a provider.

    ProviderError
    ├── SignatureError        not proven to come from the provider; the request changes nothing
    │   └── UnsignedNoticeError   says that deliveries have ended: worth a look with own credentials, no more
    ├── PayloadError          authentic, but not the provider's shape
    ├── KeyUnavailableError   the verification key could not be fetched just now
    └── CallError             a call to the provider's API did not succeed
        ├── RejectedError     definitely not done, and asking again will not help
        ├── ThrottledError    definitely not done; allowed again after `retry_after`
        ├── UnreachableError  definitely not done; nothing was sent, or a read failed
        └── AmbiguousError    may have been done: the answer was lost or unreadable

Whether a failure is permanent, transient or ambiguous is decided where it is born, in the provider's client.
"""

from datetime import timedelta


class ProviderError(Exception):
    """Something between the service and a provider went wrong."""


class SignatureError(ProviderError):
    """The request is not proven to come from the provider."""


class UnsignedNoticeError(SignatureError):
    """A message that the provider never signs says that it has stopped delivering.

    Anybody may have sent it: it may prompt a look at the registration, and nothing else.
    """


class PayloadError(ProviderError):
    """The body is not of the provider's shape."""


class KeyUnavailableError(ProviderError):
    """The key that verifies the request could not be fetched just now."""


class CallError(ProviderError):
    """A call to the provider's API did not succeed. Its text is the provider's own words, redacted."""


class RejectedError(CallError):
    """The provider refused for good; asking again will not help."""


class UnreachableError(CallError):
    """Nothing was done: the provider could not be reached, or a read failed and may be repeated."""


class AmbiguousError(CallError):
    """The write may or may not have been done: its answer was lost or could not be read."""


class ThrottledError(CallError):
    """The provider asks to wait; nothing was done."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after
