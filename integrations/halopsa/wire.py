"""The one place that makes an HTTP client for a HaloPSA, and reads HaloPSA's words out of a refusal."""

from typing import Any

from integrations.answers import Answer
from integrations.errors import PayloadError
from integrations.http import HttpApi
from integrations.ports import Link

NO_WORDS = "no explanation given"
#: Where explanations were seen, best first: OAuth's (RFC 6749, 5.2), then those of .NET web services.
WORDS = ("error_description", "message", "exceptionmessage", "error", "detail", "title")


def http(link: Link, token: str | None = None) -> HttpApi:
    """Return the HTTP client of a link, with the access token where one is given."""
    secrets = [link.credentials["client_id"], link.credentials["client_secret"]]
    headers = {"Accept": "application/json"}
    if token is not None:
        secrets.append(token)
        headers["Authorization"] = f"Bearer {token}"
    return HttpApi(
        link.base_url,
        headers,
        secrets=secrets,
        words=words,
        pace=link.pace,
        allow_private_hosts=link.allow_private_hosts,
    )


def words(answer: Answer) -> str:
    """Return HaloPSA's own explanation: a JSON text, or the first known member of an object."""
    try:
        value = answer.json()
    except PayloadError:
        return "the answer is not JSON"
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return value or NO_WORDS
    return _member(value) or NO_WORDS


def _member(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    folded = {str(name).lower(): item for name, item in value.items()}
    said = (folded.get(name) for name in WORDS)
    texts = [text for text in said if isinstance(text, str) and text]
    code = folded.get("error")
    if texts and isinstance(code, str) and code and code != texts[0]:
        return f"{code}: {texts[0]}"
    return texts[0] if texts else ""
