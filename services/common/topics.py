"""The topics as data. A test holds this against ``schemas/asyncapi.yaml``, from which brokers get them."""

from msgspec import Struct

DAY_MS = 86_400_000
SUFFIX = ".dlq"  # of the twin of a topic


class Topic(Struct, frozen=True):
    """One topic: name, partitions, retention in milliseconds, services that write and read it."""

    name: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int = 6
    retention_ms: int = 30 * DAY_MS

    @property
    def dead_letters(self) -> str:
        """Name of the twin for records that a reader could not use."""
        return self.name + SUFFIX


MAIL_FETCHED = Topic("mail.fetched", ("poller",), ("parser", "attachments"))
MAIL_PARSED = Topic("mail.parsed", ("parser",), ("storer",))
MAIL_ATTACHMENTS = Topic("mail.attachments", ("parser",), ("attachments",))
MAIL_FILED = Topic("mail.filed", ("attachments",), ("storer",))
MAIL_MAILBOX = Topic("mail.mailbox", ("poller",), ("storer",))
MAIL_AUDIT = Topic(
    "mail.audit", ("poller", "parser", "storer", "attachments", "cli"), ("storer",), retention_ms=90 * DAY_MS
)

MAIN_TOPICS = (MAIL_FETCHED, MAIL_PARSED, MAIL_ATTACHMENTS, MAIL_FILED, MAIL_MAILBOX, MAIL_AUDIT)


def twin(topic: Topic) -> Topic:
    """The dead-letter topic of a topic: written by its readers, kept three times as long, read by the storer."""
    return Topic(topic.dead_letters, topic.readers, ("storer",), topic.partitions, 3 * topic.retention_ms)


DEAD_LETTER_TOPICS = tuple(twin(topic) for topic in MAIN_TOPICS)
ALL_TOPICS = MAIN_TOPICS + DEAD_LETTER_TOPICS
BY_NAME = {topic.name: topic for topic in ALL_TOPICS}
