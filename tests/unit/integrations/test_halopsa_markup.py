"""Text to HaloPSA's HTML and back."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.halopsa.markup import BIDI, cleaned, to_html, to_text

MARKER = "[tw:7c1f9e2a]"
HOSTILE = st.text(
    alphabet=st.sampled_from("<>&\"'/=;# \n\r\tabpscriptonx!-[]:\u202e\u2066\u0000\u0085\u2028")
    | st.characters()
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[object] = []
        self.others: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_comment(self, data):
        self.others.append(data)

    def handle_decl(self, decl):
        self.others.append(decl)

    def unknown_decl(self, data):
        self.others.append(data)


@given(HOSTILE)
def test_no_tag_attribute_or_comment_comes_out_of_the_text(text):
    parser = Tags()
    parser.feed(to_html(text))
    parser.close()
    assert parser.tags <= {"p", "br"}
    assert not parser.attributes
    assert not parser.others


@given(HOSTILE)
def test_the_html_says_what_the_text_says(text):
    said = re.sub(r"\n{2,}", "\n\n", cleaned(text).strip("\n"))
    assert to_text(to_html(text)) == said


@given(HOSTILE, HOSTILE)
def test_the_marker_comes_through_whatever_stands_around_it(before, after):
    assert MARKER in to_text(to_html(f"{before}{MARKER}{after}"))
    assert MARKER in to_html(f"{before}{MARKER}{after}")


@given(HOSTILE)
def test_no_control_or_direction_character_is_left(text):
    html = to_html(text)
    assert not any(character in BIDI or (ord(character) < 32 and character != "\t") for character in html)
    html.encode()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one", "<p>one</p>"),
        ("one\ntwo", "<p>one<br>two</p>"),
        ("one\r\ntwo\rthree", "<p>one<br>two<br>three</p>"),
        ("one\n\n\ntwo", "<p>one</p><p>two</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("a & b \"c\" 'd'", "<p>a &amp; b &quot;c&quot; &#x27;d&#x27;</p>"),
        ("abc\u202edef\u0000", "<p>abcdef</p>"),
        ("half \ud800 character", "<p>half  character</p>"),
        ("", "<p></p>"),
    ],
)
def test_text_becomes_paragraphs_and_breaks(text, html):
    assert to_html(text) == html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div>yes</div><div>no</div>", "yes\nno"),
        ("<p>a</p>\n<p>b</p>", "a\n\n\nb"),
        ("a<BR/>b<br />c", "a\nb\nc"),
        ("<span style='color:red'>red</span> &amp; 1 &lt; 2", "red & 1 < 2"),
        ("<style>p{}</style><!-- hidden -->seen<script>x</script>", "seen"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("[tw:<b>7c</b>]", "[tw:7c]"),
    ],
)
def test_html_of_others_is_read_as_its_text(html, text):
    assert to_text(html) == text


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    ["<!--", "<script>", "<style ", "<a", "<br ", "</script ", "&#", "<", "-->", "</p", "<!--<script>"],
)
def test_a_long_note_of_unclosed_pieces_is_read_in_time(piece):
    """A customer's mail may be such a note: whatever takes its length squared never ends."""
    assert to_text(piece * (2**20 // len(piece))) is not None


@pytest.mark.parametrize("number", ["&#" + "9" * 5_000 + ";", "&#x" + "f" * 5_000 + ";", "&#" + "0" * 5_000])
def test_a_character_of_an_absurd_number_is_shown_as_unknown(number):
    assert to_text(f"a{number}b").rstrip("b;") == "a\ufffd"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<!-- b --> c<!-- d", "a c<!-- d"),
        ("a<script>b</script >c<script>d", "acd"),
        ("a<STYLE>b</style><script>c</script>d", "ad"),
        ("<!-- <script> -->a</script>", "a"),
        ("<script><!--</script>a-->", "a-->"),
        ("a < b <c", "a < b <c"),
        ("<scripted>a</scripted>", "a"),
    ],
)
def test_what_browsers_do_not_show_is_left_out_where_it_ends(markup, text):
    assert to_text(markup) == text
