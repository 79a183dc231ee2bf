from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import fields, trace


def header(text: str) -> fields.Header:
    return fields.parse(text.encode(), 0, None, [])


def test_no_list_fields_no_list() -> None:
    assert trace.mailing_list(header("Subject: x\n")) is None


def test_list_fields() -> None:
    found = trace.mailing_list(
        header(
            "List-Id: Our list <our.list.example>\nList-Unsubscribe: <mailto:u@x>,\r\n\t<https://x/u>\n"
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\nList-Post: NO\nList-Archive: <https://x/a>\n"
        )
    )
    assert found is not None
    assert (found.id, found.unsubscribe) == ("our.list.example", ("mailto:u@x", "https://x/u"))
    assert (found.unsubscribe_one_click, found.post, found.archive) == (True, "NO", "https://x/a")


def test_authentication_results() -> None:
    (first, second) = trace.authentication(
        header(
            "Authentication-Results: mx.x 1; spf=pass (a; b) smtp.mailfrom=a@b;\r\n dkim=fail header.d=x.y\n"
            "Authentication-Results: other; none\n"
        )
    )
    assert first.server == "mx.x"
    assert first.results == ("spf=pass smtp.mailfrom=a@b", "dkim=fail header.d=x.y")
    assert (second.server, second.results) == ("other", ())


@given(st.text(alphabet='<>,;()" =@:abc\r\n\t', max_size=60))
def test_anything_goes(value: str) -> None:
    text = f"List-Unsubscribe: {value}\nAuthentication-Results: {value}\n"
    trace.mailing_list(header(text))
    trace.authentication(header(text))
