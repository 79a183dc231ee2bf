import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.parser.mime.htmltext import charset_of, text_of

TAGS = ["<p>", "</p>", "<b", ">", "<!--", "-->", "<a href='", "'", '"', "<div hidden>", "</div>", "x", " ", "&lt;"]
TAGS += ["<script>", "</script>", "<pre>", "\n"]
SEEN = {
    "<p>one</p><p>two<br>three</p>": "one\n\ntwo\nthree",
    "<title>t</title><style>p{}</style><script>x<b></script>seen": "seen",
    "<div hidden>a</div><p style='DISPLAY : none'>b</p><i style=visibility:hidden>c</i>d": "d",
    '<div style="max-height:0;overflow:hidden">pre</div>body': "body",
    "<div style='display:none'>a<div>b</div>c</div>d": "d",
    "<p style='display:none'>a<p>b": "b",
    "<div style='opacity:0.5'>half</div>": "half",
    "<table><tr><td>a<td>b</td></tr></table>": "ab",
    "<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table>": "a\tb\nc\td",
    "<pre>a\n  b</pre>": "a\n  b",
    "a &lt;b&gt; &amp;amp; &nbsp;c &#x4e2d;": "a <b> &amp;  c 中",
    "5 < 6 and a<b>c</b>": "5 < 6 and ac",
    "x<!-- <p>no</p> -->y<!-- open": "xy",
    '<a href="https://e.org/?a=1&amp;b=2">go</a>.': "go <https://e.org/?a=1&b=2>.",
    "<a href=http://e.org>http://e.org</a>": "http://e.org",
    "<a href='javascript:x()'>j</a><a href='#top'>t</a>": "jt",
    "<img alt='a picture' src=x>": "a picture",
    "it's <a title=it's href=y>don't</a> ok": "it's don't ok",
    '<img alt="1 > 0" src=x> tail <b': "1 > 0 tail",
    "a&#0;b&#xD800;c\u200bd": "a\ufffdb\ufffdcd",
    "<svg><title>no</title></svg>yes": "yes",
    "<div hidden><img alt=no><a href=https://e.org>no</a></div>yes": "yes",
    "<div hidden>a<div/>b</div>c": "c",
    "<pre>a</pre>b  c</pre>d  e": "a\n\nb c\n\nd e",
    "<pre>a<pre>b  c</pre>d  e</pre>f  g": "a\n\nb  c\n\nd  e\n\nf g",
    "": "",
}


@pytest.mark.parametrize("html", SEEN)
def test_what_a_reader_sees(html: str) -> None:
    assert text_of(html).text == SEEN[html]


@pytest.mark.parametrize(
    ("page", "label"),
    [
        (b'<meta charset="gbk">', "gbk"),
        (b"<META http-equiv='Content-Type' content='text/html; charset=koi8-r'>", "koi8-r"),
        (b"<meta charset=utf-16>", "utf-8"),
        (b"<meta http-equiv=Content-Type content='text/html; charset=unicode'>", "utf-8"),
        (b"<p>charset=gbk</p>", None),
    ],
)
def test_the_charset_that_a_page_declares(page: bytes, label: str | None) -> None:
    assert charset_of(page) == label


def test_links_are_listed_once_and_in_order() -> None:
    page = "<a href=http://b.org>1</a><a href=http://a.org>2</a><a href=http://b.org>3</a><a href=mailto:x@y.z>4</a>"
    assert text_of(page).links == ("http://b.org", "http://a.org", "mailto:x@y.z")


def test_a_page_over_the_limit_is_cut_and_says_so() -> None:
    found = text_of("word " * 100, limit=9)
    assert (found.text, found.truncated) == ("word word", True)
    assert not text_of("word", limit=9).truncated


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_clean_text(html: str) -> None:
    text = text_of(html).text
    assert not set(text) & set("\0\x11\x12\x1d\x1e\x1f\r")
    text.encode()


@settings(deadline=None)
@given(st.lists(st.sampled_from(TAGS), max_size=40))
def test_any_order_of_tags_gives_clean_text(pieces: list[str]) -> None:
    assert not set(text_of("".join(pieces)).text) & set("\0\x11\x12\x1d\x1e\x1f\r")


@pytest.mark.parametrize("character", "\0\x11\x12\x1d\x1e\x1f\u00ad\u034f\u200b\ufeff")
def test_unseen_characters_go(character: str) -> None:
    assert text_of(f"a{character}b &amp; {character}{character}c").text == "ab & c"
