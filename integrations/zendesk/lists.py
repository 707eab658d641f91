"""The shapes of Zendesk's lists: comments, changed tickets, webhooks."""

from datetime import datetime

from integrations.zendesk.mapping import Comment, Record, User


class Meta(Record):
    """Where a list goes on (API basics, "Cursor pagination")."""

    has_more: bool
    after_cursor: str | None = None


class Page(Record):
    meta: Meta


class CommentPage(Page):
    comments: tuple[Comment, ...]
    users: tuple[User, ...] = ()


class Changed(Record):
    """`generated_timestamp`, in seconds since 1970, is what the export goes by."""

    id: int
    updated_at: datetime
    generated_timestamp: int


class Export(Record):
    """One answer of the incremental export."""

    tickets: tuple[Changed, ...]
    after_cursor: str | None = None
    end_of_stream: bool


class Webhook(Record):
    id: str
    endpoint: str
    status: str = ""
    http_method: str = ""
    request_format: str = ""
    subscriptions: tuple[str, ...] = ()


class WebhookPage(Page):
    webhooks: tuple[Webhook, ...]


class Secret(Record):
    secret: str


class ShownSecret(Record):
    signing_secret: Secret
