"""A parsed message: the ``Email`` object of RFC 8621 section 4.1 with our ``mailweir`` extension.

Property names are those of the RFC, because people know them. Values that a message lacks are null or an empty list as
the RFC has it. Two parses of the same bytes by the same version give the same JSON, octet for octet.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from services.common.place import Place

Moment = Annotated[datetime, Meta(tz=True)]  # without an offset each reader would take its own zone


class EmailAddress(Struct, frozen=True, omit_defaults=True, gc=False):
    """One mailbox (RFC 8621 section 4.1.2.3); ``group`` and ``unicode`` are ours, and absent when they say nothing."""

    name: Annotated[str | None, Meta(description="Display name, decoded; null when absent.")]
    email: Annotated[str, Meta(description="Address as sent, domain in lower case.")]
    group: Annotated[str | None, Meta(description="Name of the group (RFC 5322 section 3.4), null outside one.")] = None
    unicode: Annotated[str | None, Meta(description="The address with its domain in Unicode (RFC 5891).")] = None


class EmailHeader(Struct, frozen=True, gc=False):
    """One header field in order of appearance (RFC 8621 section 4.1.3)."""

    name: Annotated[str, Meta(description="Field name as sent.")]
    value: Annotated[str, Meta(description="Raw value, undecodable octets replaced; exact octets by offset.")]


class EmailBodyPart(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """One part of the body (RFC 8621 section 4.1.4)."""

    part_id: Annotated[str | None, Meta(description="Path of the part such as 1.2; null for a multipart.")]
    blob_id: Annotated[str | None, Meta(description="SHA-256 of the decoded octets; null for a multipart.")]
    size: Annotated[int, Meta(ge=0, description="Octets after transfer decoding.")]
    type: Annotated[str, Meta(description="Media type in lower case.")]
    name: Annotated[str | None, Meta(description="File name as sent, decoded.")] = None
    charset: Annotated[str | None, Meta(description="Declared charset; us-ascii implied for text (RFC 2046).")] = None
    disposition: Annotated[str | None, Meta(description="Content-Disposition type in lower case.")] = None
    cid: Annotated[str | None, Meta(description="Content-ID without brackets.")] = None
    language: Annotated[tuple[str, ...] | None, Meta(description="Content-Language tags.")] = None
    location: Annotated[str | None, Meta(description="Content-Location.")] = None
    sub_parts: Annotated["tuple[EmailBodyPart, ...] | None", Meta(description="Children of a multipart.")] = None


class EmailBodyValue(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """Decoded text of a part (RFC 8621 section 4.1.4)."""

    value: Annotated[str, Meta(description="Text without NUL, CRLF as LF.")]
    is_encoding_problem: Annotated[bool, Meta(description="Octets could not be decoded in the charset used.")] = False
    is_truncated: Annotated[bool, Meta(description="Cut to a limit.")] = False


class Defect(Struct, frozen=True, gc=False):
    """One repair or oddity: what (``code``), where (part and offset into the raw message)."""

    code: Annotated[str, Meta(description="Stable code such as charset.label-lies.")]
    part: Annotated[str | None, Meta(description="partId, or the path of a multipart; null for the whole message.")] = (
        None
    )
    offset: Annotated[int | None, Meta(description="Octet offset into the raw message.")] = None


class PartFacts(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """What RFC 8621 does not say of a part; ``offset`` and ``length`` delimit its encoded octets in the raw message."""

    offset: Annotated[int, Meta(description="First octet of the encoded content in the raw message.")]
    length: Annotated[int, Meta(description="Octets of the encoded content.")]
    header_offset: Annotated[int, Meta(description="First octet of the part's header block.")] = 0
    encoding: Annotated[str, Meta(description="Transfer encoding: identity, base64, quoted-printable, ...")]
    declared_type: Annotated[str | None, Meta(description="Content-Type as declared, null when absent.")] = None
    declared_charset: Annotated[str | None, Meta(description="Charset label as sent.")] = None
    used_charset: Annotated[str | None, Meta(description="Charset that the text was decoded with.")] = None
    replacements: Annotated[int, Meta(description="Replacement characters in the decoded text.")] = 0
    safe_name: Annotated[str | None, Meta(description="File name that is safe as one path segment.")] = None
    sent_name: Annotated[str | None, Meta(description="File name as sent, decoded.")] = None
    referenced: Annotated[bool, Meta(description="Referenced by cid: or location from the HTML.")] = False
    parent: Annotated[str | None, Meta(description="partId that a derived part (TNEF, uuencode) comes from.")] = None


class ByteRange(Struct, frozen=True):
    """A range of the raw message: first octet and length."""

    offset: Annotated[int, Meta(description="First octet.")]
    length: Annotated[int, Meta(description="Octets.")]


class CalendarDigest(Struct, frozen=True, kw_only=True, rename="camel"):
    """What an invitation says (RFC 5545, RFC 5546)."""

    part: Annotated[str, Meta(description="partId of the calendar object.")]
    method: Annotated[str | None, Meta(description="METHOD of the object or of the Content-Type.")] = None
    uid: Annotated[str | None, Meta(description="UID of the component.")] = None
    summary: Annotated[str | None, Meta(description="SUMMARY.")] = None
    location: Annotated[str | None, Meta(description="LOCATION.")] = None
    description: Annotated[str | None, Meta(description="DESCRIPTION, cut to 4,000 characters.")] = None
    start: Annotated[str | None, Meta(description="DTSTART in ISO 8601.")] = None
    end: Annotated[str | None, Meta(description="DTEND in ISO 8601.")] = None
    organizer: Annotated[str | None, Meta(description="Address of the organizer.")] = None
    attendees: Annotated[tuple[str, ...], Meta(description="Addresses of the attendees.")] = ()
    sequence: Annotated[int | None, Meta(description="SEQUENCE.")] = None
    status: Annotated[str | None, Meta(description="STATUS.")] = None


class RecipientStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """Per-recipient fields of a delivery report (RFC 3464 section 2.3)."""

    final_recipient: Annotated[str | None, Meta(description="Final-Recipient without its type.")] = None
    original_recipient: Annotated[str | None, Meta(description="Original-Recipient without its type.")] = None
    action: Annotated[str | None, Meta(description="failed, delayed, delivered, relayed or expanded.")] = None
    status: Annotated[str | None, Meta(description="Enhanced status code (RFC 3463).")] = None
    diagnostic: Annotated[str | None, Meta(description="Diagnostic-Code, cut to 1,000 characters.")] = None


class DeliveryReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery status notification (RFC 3464)."""

    part: Annotated[str, Meta(description="partId of the status part.")]
    reporting_mta: Annotated[str | None, Meta(description="Reporting-MTA without its type.")] = None
    original_message_id: Annotated[str | None, Meta(description="Message-ID of the returned message.")] = None
    original_subject: Annotated[str | None, Meta(description="Subject of the returned message.")] = None
    recipients: Annotated[tuple[RecipientStatus, ...], Meta(description="One entry per recipient.")] = ()


class FeedbackReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """An abuse or authentication feedback report (RFC 5965)."""

    part: Annotated[str, Meta(description="partId of the feedback part.")]
    feedback_type: Annotated[str | None, Meta(description="Feedback-Type.")] = None
    user_agent: Annotated[str | None, Meta(description="User-Agent.")] = None
    original_message_id: Annotated[str | None, Meta(description="Message-ID of the reported message.")] = None
    fields: Annotated[tuple[EmailHeader, ...], Meta(description="All fields in order.")] = ()


class ChildMessage(Struct, frozen=True, kw_only=True, rename="camel"):
    """A nested message (RFC 2046 section 5.2.1): its own digest, never mixed into the parent's text."""

    part: Annotated[str, Meta(description="partId of the message/rfc822 part.")]
    email: Annotated["Email", Meta(description="The nested message; deeper ones only as attachments.")]


class SecuredPart(Struct, frozen=True, kw_only=True, rename="camel"):
    """S/MIME or PGP protection found; nothing is decrypted or verified."""

    part: Annotated[str, Meta(description="partId of the protected part.")]
    kind: Annotated[str, Meta(description="signed or encrypted.")]
    protocol: Annotated[str | None, Meta(description="Such as application/pkcs7-signature.")] = None
    signed: Annotated[ByteRange | None, Meta(description="Exact signed octets in the raw message.")] = None


class ListFacts(Struct, frozen=True, kw_only=True, rename="camel"):
    """Mailing-list fields (RFC 2369, RFC 2919, RFC 8058)."""

    id: Annotated[str | None, Meta(description="List-Id without description.")] = None
    unsubscribe: Annotated[tuple[str, ...], Meta(description="Addresses of List-Unsubscribe.")] = ()
    unsubscribe_one_click: Annotated[bool, Meta(description="RFC 8058 one-click is offered.")] = False
    post: Annotated[str | None, Meta(description="List-Post.")] = None
    archive: Annotated[str | None, Meta(description="List-Archive.")] = None


class AuthenticationResult(Struct, frozen=True, kw_only=True, rename="camel"):
    """One Authentication-Results field (RFC 8601): who says it, and each method's result."""

    server: Annotated[str, Meta(description="authserv-id.")]
    results: Annotated[tuple[str, ...], Meta(description="Such as dkim=pass header.d=example.org.")] = ()


class MailweirFacts(Struct, frozen=True, kw_only=True, rename="camel"):
    """Our extension object."""

    parser_version: Annotated[str, Meta(description="Version of the parser; the same version repeats the same event.")]
    place: Annotated[Place | None, Meta(description="Where the message is; null outside a mailbox.")] = None
    synthetic: Annotated[tuple[str, ...], Meta(description="Properties that were made up, such as messageId.")] = ()
    derived_text: Annotated[
        str | None, Meta(description="Text derived from the HTML body when there is no plain one.")
    ] = None
    parts: Annotated[dict[str, PartFacts], Meta(description="By partId.")] = {}
    defects: Annotated[tuple[Defect, ...], Meta(description="Every repair, in order of offset.")] = ()
    received_date: Annotated[Moment | None, Meta(description="Date of the newest Received field.")] = None
    sent_at_raw: Annotated[str | None, Meta(description="Date field as sent.")] = None
    calendars: Annotated[tuple[CalendarDigest, ...], Meta(description="Invitations, one per UID.")] = ()
    delivery_reports: Annotated[tuple[DeliveryReport, ...], Meta(description="RFC 3464.")] = ()
    feedback_reports: Annotated[tuple[FeedbackReport, ...], Meta(description="RFC 5965.")] = ()
    children: Annotated[tuple[ChildMessage, ...], Meta(description="Nested messages.")] = ()
    secured: Annotated[tuple[SecuredPart, ...], Meta(description="S/MIME and PGP.")] = ()
    list: Annotated[ListFacts | None, Meta(description="Mailing-list fields.")] = None
    authentication_results: Annotated[tuple[AuthenticationResult, ...], Meta(description="Newest first.")] = ()
    language: Annotated[str | None, Meta(description="Guessed language; off by default.")] = None


class Email(Struct, frozen=True, kw_only=True, rename="camel"):
    """``mail.parsed``: the Email object of RFC 8621 section 4.1 plus ``mailweir``."""

    id: Annotated[str, Meta(description="SHA-256 of the exact raw octets.")]
    blob_id: Annotated[str, Meta(description="The same: the raw message as a blob.")]
    size: Annotated[int, Meta(ge=0, description="Octets of the raw message.")]
    received_at: Annotated[Moment | None, Meta(description="INTERNALDATE; null outside a mailbox.")] = None
    message_id: Annotated[tuple[str, ...] | None, Meta(description="Without brackets; see mailweir.synthetic.")]
    in_reply_to: Annotated[tuple[str, ...] | None, Meta(description="Without brackets.")] = None
    references: Annotated[tuple[str, ...] | None, Meta(description="Without brackets, in order, no repeats.")] = None
    sender: Annotated[tuple[EmailAddress, ...] | None, Meta(description="Sender field.")] = None
    from_: Annotated[tuple[EmailAddress, ...] | None, Meta(description="From field.")] = None
    to: Annotated[tuple[EmailAddress, ...] | None, Meta(description="To field.")] = None
    cc: Annotated[tuple[EmailAddress, ...] | None, Meta(description="Cc field.")] = None
    bcc: Annotated[tuple[EmailAddress, ...] | None, Meta(description="Bcc field.")] = None
    reply_to: Annotated[tuple[EmailAddress, ...] | None, Meta(description="Reply-To field.")] = None
    subject: Annotated[str | None, Meta(description="Subject, decoded.")] = None
    sent_at: Annotated[
        str | None, Meta(description="Date field in ISO 8601 with its own offset; null when unusable.")
    ] = None
    headers: Annotated[tuple[EmailHeader, ...], Meta(description="All fields of the message, in order.")] = ()
    body_structure: Annotated[EmailBodyPart, Meta(description="The tree of parts.")]
    body_values: Annotated[dict[str, EmailBodyValue], Meta(description="Texts by partId.")] = {}
    text_body: Annotated[tuple[EmailBodyPart, ...], Meta(description="RFC 8621 section 4.1.4.")] = ()
    html_body: Annotated[tuple[EmailBodyPart, ...], Meta(description="RFC 8621 section 4.1.4.")] = ()
    attachments: Annotated[tuple[EmailBodyPart, ...], Meta(description="RFC 8621 section 4.1.4.")] = ()
    has_attachment: Annotated[bool, Meta(description="RFC 8621 section 4.1.4.")] = False
    preview: Annotated[str, Meta(description="Start of the text, at most 256 characters.")] = ""
    mailweir: Annotated[MailweirFacts, Meta(description="Our extension object.")]
