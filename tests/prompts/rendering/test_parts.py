"""Parts of a message: texts, images and files, from what is stored to what is sent."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.rendering import (
    ContractError,
    Message,
    Part,
    RenderError,
    Template,
    Variable,
    check,
    dump_messages,
    find_uses,
    parse_messages,
    propose_variables,
    render,
)
from prompts.rendering.problems import ValuesError

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7").decode()
TEXT = {"type": "text", "text": "What is {{ thing }}?"}
IMAGE = {"type": "image", "url": "https://example.com/{{ name }}.png"}
FILE = {"type": "file", "name": "report.pdf", "url": PDF}
VALUES = {"thing": "this", "name": "a b"}


def chat(*parts, syntax="mustache", variables=("thing", "name")):
    content = json.dumps([{"role": "user", "content": parts}])
    declared = tuple(Variable(name=name) for name in variables)
    return Template(content=content, kind="chat", syntax=syntax, variables=declared)


def fill(*parts, **fields):
    values = fields.pop("values", {})
    [message] = render(chat(*parts, **{"variables": values, **fields}), values)
    return message


@pytest.mark.parametrize("syntax", ["mustache", "jinja", "nunjucks-value"])
def test_texts_and_addresses_are_templates(syntax):
    values = {"thing": "{{ x }}", "name": "photo"}
    message = fill(TEXT, IMAGE, FILE, syntax=syntax, values=values)
    assert message.content == (
        Part(type="text", text="What is {{ x }}?"),
        Part(type="image", url="https://example.com/photo.png"),
        Part(type="file", name="report.pdf", url=PDF),
    )
    assert message.as_json()["content"] == [
        {"type": "text", "text": "What is {{ x }}?"},
        {"type": "image", "url": "https://example.com/photo.png"},
        FILE,
    ]


def test_what_parts_use_is_declared_and_proposed():
    template = chat(TEXT, IMAGE)
    places = {use.name: str(use.place) for use in find_uses(template)}
    assert places == {
        "thing": "message 1, part 1, line 1, column 9",
        "name": "message 1, part 2, line 1, column 21",
    }
    assert [variable.name for variable in propose_variables(template)] == ["thing", "name"]
    [problem] = check(chat(TEXT, IMAGE, variables=["thing"]))
    assert str(problem).startswith("message 1, part 2, line 1, column 21: “name” is not declared")
    [problem] = check(chat(TEXT | {"text": "{{#x}}"}, variables=[]))
    assert str(problem.place) == "message 1, part 1, line 1, column 1"


def test_data_is_no_template_and_may_be_longer_than_one():
    picture = "data:image/png;base64," + "A" * 400_000
    assert fill({"type": "image", "url": picture}).content[0].url == picture
    message = fill({"type": "image", "url": "{{ picture }}"}, values={"picture": picture})
    assert message.content[0].url == picture
    start, end = picture[:22], picture[22:]
    message = fill({"type": "image", "url": start + "{{ data }}"}, values={"data": end})
    assert message.content[0].url == picture


def test_much_data_is_filled_in_by_a_worker():
    picture = "data:image/webp;base64," + "A" * 4_000_000
    message = fill(
        IMAGE | {"url": "{{ picture }}"}, TEXT, values={"picture": picture, "thing": "x"}
    )
    assert message.content[0] == Part(type="image", url=picture)
    with pytest.raises(RenderError, match="message 1, part 2: the data of an image or a file is"):
        fill(TEXT, IMAGE | {"url": "{{ picture }}"}, values={"picture": picture * 2, "thing": "x"})


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x.org/a"}},
            {"type": "image", "url": "https://x.org/a"},
        ),
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {"type": "image", "url": PNG, "detail": "low"},
        ),
        ({"type": "file", "file": {"filename": "report.pdf", "file_data": PDF}}, FILE),
        (
            {
                "type": "file",
                "name": "report.pdf",
                "data": PDF.partition(",")[2],
                "media_type": "application/pdf",
            },
            FILE | {"media_type": "application/pdf"},
        ),
        (FILE | {"media_type": "application/pdf"}, FILE | {"media_type": "application/pdf"}),
        ({"type": "text", "text": ""}, {"type": "text", "text": ""}),
    ],
)
def test_other_forms_are_read_and_ours_is_written(theirs, ours):
    template = chat(theirs, variables=[])
    assert check(template) == ()
    assert json.loads(dump_messages(parse_messages(template.content))) == [
        {"role": "user", "content": [ours]}
    ]


def test_how_people_read_a_message():
    [message] = render(chat(TEXT, IMAGE | {"url": PNG}, FILE, variables=["thing"]), {"thing": "x"})
    text, image, file = message.text.split("\n\n")
    assert text == "What is x?"
    assert image.startswith("[image data:image/png, 6 bytes, sha256 ")
    assert file.startswith("[file report.pdf data:application/pdf, ")
    linked = Message(role="user", content=(Part(type="image", url="https://x.org/{{ a }}"),))
    assert linked.text == "[image https://x.org/{{ a }}]"
    assert Message(role="user", content="as it is").text == "as it is"


BAD_PARTS = [
    (3, "message 1, part 1: a part must be {"),
    (None, "this one has no keys"),
    ([], "this one has no keys"),
    ({}, "this one has the type None"),
    ({"text": "x"}, "this one has the type None"),
    ({"type": ["text"], "text": "x"}, "this one has the type"),
    ({"type": "audio", "data": "x"}, "this one has the type audio"),
    ({"type": "input_image", "url": "x"}, "this one has the type input_image"),
    ({"type": "__proto__"}, "this one has the type __proto__"),
    ({"type": "text"}, "this one has type"),
    ({"type": "text", "text": 3}, "this one has text that is not a string"),
    ({"type": "text", "text": None}, "this one has text that is not a string"),
    ({"type": "text", "text": "x", "cache_control": {}}, "has type, text, cache_control"),
    ({"type": "image", "url": ["https://x.org"]}, "this one has url that is not a string"),
    ({"type": "image", "url": "https://x.org", "detail": "huge"}, "has the detail huge"),
    ({"type": "image_url", "image_url": "https://x.org"}, "this one has the type image_url"),
    ({"type": "image_url", "image_url": {}}, "this one has type"),
    ({"type": "image_url", "image_url": {"url": PNG, "x": 1}}, "this one has url, x, type"),
    ({"type": "image_url", "image_url": {"url": PNG}, "x": 1}, "has the type image_url"),
    ({"type": "file", "url": PDF}, "this one has type, url"),
    ({"type": "file", "name": " ", "url": PDF}, "has name that is empty or too long"),
    ({"type": "file", "name": "x" * 256, "url": PDF}, "has name that is empty or too long"),
    ({"type": "file", "name": "a\nb", "url": PDF}, "has name that is empty or too long"),
    ({"type": "file", "file": {"file_id": "file-1"}}, "this one has file_id, type"),
    ({"type": "file", "file": [3]}, "this one has type, file"),
]


@pytest.mark.parametrize(("part", "sentence"), BAD_PARTS)
def test_what_is_no_part(part, sentence):
    [problem] = check(chat(part, variables=[]))
    assert sentence in str(problem)
    with pytest.raises(ContractError):
        render(chat(part, variables=[]), {})


def test_a_list_has_at_least_one_part_and_an_end():
    for parts in ([], [TEXT] * 101):
        [problem] = check(chat(*parts))
        assert str(problem) == "message 1: a content that is a list must have from 1 to 100 parts"


BAD_ADDRESSES = [
    ("", "must begin with https:// and a host, or with data:; “” does not"),
    ("x", "“x” does not"),
    ("ftp://x.org/a.png", "“ftp://x.org/a.png” does not"),
    ("file:///etc/passwd", "“file:///etc/passwd” does not"),
    ("javascript:alert(1)", "“javascript:alert(1)” does not"),
    ("//x.org/a.png", "“//x.org/a.png” does not"),
    ("https://", "“https://” does not"),
    ("https:///a.png", "“https:///a.png” does not"),
    ("https://x.org:99999/", "does not"),
    ("https://x.org:port/", "does not"),
    ("https://[::1/", "does not"),
    ("https://x.org/a b", "does not"),
    ("https://x.org\\@y.org/", "does not"),
    ("https://x.org/\n", "does not"),
    ("https://me:secret@x.org/a.png", "“https://…@x.org/a.png” does not"),
    ("https://me@x.org/a.png", "does not"),
    ("https://2130706433/", "does not"),
    ("https://0x7f000001/", "does not"),
    ("https://127.1/", "does not"),
    ("https://0177.0.0.1/", "does not"),
    ("https://x.0x/", "does not"),
    ("https://127.0.0.1./", "does not"),
    ("https://①②⑦.0.0.①/", "does not"),
    ("https://169。254。169。254/", "does not"),
    ("https://．/", "does not"),
    ("https://x.org/" + "a" * 8192, "has more than 8192 characters; use a shorter one"),
    ("data:", "data must be written as data:TYPE;base64, and base64 after it"),
    ("data:,x", "data must be written as data:TYPE;base64"),
    ("data:image/png,x", "data must be written as data:TYPE;base64"),
    ("data:image/png;base64,", "data must be written as data:TYPE;base64"),
    ("data:image/png;base64,a", "data must be written as data:TYPE;base64"),
    ("data:image/png;base64,####", "data must be written as data:TYPE;base64"),
    ("data:image/png;base64,QUJD\n", "data must be written as data:TYPE;base64"),
    ("data:image/png;charset=x;base64,QUJD", "data must be written as data:TYPE;base64"),
    ("data:image/svg+xml;base64,QUJD", "data of the type “image/svg+xml” cannot be sent; allowed"),
    ("data:text/html;base64,QUJD", "allowed here: image/png, image/jpeg, image/gif, image/webp"),
    (PDF, "data of the type “application/pdf” cannot be sent"),
    ("data:;base64,QUJD", "data of the type “” cannot be sent"),
    ("data:image/png;base64," + "A" * 7_000_000, "is larger than 5 MB; make it smaller, or"),
]


@pytest.mark.parametrize(("url", "sentence"), BAD_ADDRESSES)
def test_addresses_that_are_none(url, sentence):
    [problem] = check(chat(TEXT, {"type": "image", "url": url}, variables=["thing"]))
    assert str(problem).startswith("message 1, part 2: ")
    assert sentence in str(problem)
    # The same where a value brings it.
    template = chat(TEXT, {"type": "image", "url": "{{ url }}"}, variables=["thing", "url"])
    assert check(template) == ()
    with pytest.raises(RenderError) as caught:
        render(template, {"thing": "x", "url": url})
    assert list(map(str, caught.value.problems)) == [str(problem)]


@pytest.mark.parametrize(
    "url",
    [
        "https://x.org/a.png?b=c#d",
        "https://例え.jp/写真.png",
        "http://127.0.0.1:8000/a.png",  # whether it may be asked, the model's service decides
        "HTTPS://X.ORG",
        "https://x.org.:443/a.png",
        "https://192.0.2.1/a.png",
        "https://[2001:db8::1]:8443/a.png",
        "https://[::ffff:192.0.2.1]/a.png",
        "https://3com.com/4d.png",
        "DATA:image/PNG;base64,QUJD",
        PNG,
    ],
)
def test_addresses_that_are_some(url):
    assert fill({"type": "image", "url": url}, syntax="plain").content[0].url == url


def test_a_file_is_of_the_type_that_it_says():
    for extra, sentence in (
        (
            {"media_type": "image/png"},
            "type “image/png” cannot be sent; allowed here: appl",
        ),
        ({"url": "https://x.org/a", "media_type": "text/html"}, "“text/html” cannot be sent"),
        ({"url": PNG}, "data of the type “image/png” cannot be sent"),
    ):
        [problem] = check(chat(FILE | extra, variables=[]))
        assert sentence in str(problem)
    assert check(chat(FILE | {"url": "https://x.org/a"}, variables=[])) == ()


def test_parts_fill_placeholders_as_they_are():
    content = json.dumps([{"type": "placeholder", "name": "history"}])
    template = Template(content=content, kind="chat", syntax="mustache")
    turn = {"role": "user", "content": [TEXT, IMAGE | {"url": PNG}]}
    [message] = render(template, {"history": [turn]})
    assert message.as_json() == turn
    assert render(template, {"history": [message]}) == (message,)
    bad = {"role": "user", "content": [TEXT, IMAGE]}  # its address is no template here
    with pytest.raises(ValuesError, match="placeholder “history”, message 2, part 2: the address"):
        render(template, {"history": [turn, bad]})
    with pytest.raises(ValuesError, match="placeholder “history”, message 1, part 1: a part must"):
        render(template, {"history": [{"role": "user", "content": [3]}]})
    with pytest.raises(ValuesError) as caught:
        render(template, {"history": [{"role": "user", "content": [IMAGE] * 100}] * 2})
    assert len(caught.value.problems) == 20
    much = {"role": "user", "content": [{"type": "text", "text": "x" * 200_000}] * 51}
    with pytest.raises(ValuesError, match="the values have more than 10000000 characters"):
        render(template, {"history": [much]})


PARTS = st.lists(
    st.builds(lambda text: {"type": "text", "text": text}, st.text())
    | st.builds(
        lambda data: {"type": "image", "url": "data:image/gif;base64," + data},
        st.binary(min_size=1, max_size=50).map(lambda raw: base64.b64encode(raw).decode()),
    ),
    min_size=1,
    max_size=5,
)


@given(PARTS)
def test_a_plain_chat_keeps_its_parts(parts):
    assert fill(*parts, syntax="plain").as_json()["content"] == parts


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([PNG, PDF]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "url", "name", "data", "file", "file_data", "filename", "detail"]
            ),
            inner | st.sampled_from(["text", "image", "image_url", "file"]),
        )
    ),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_whatever_a_content_is_it_is_read_or_refused(content):
    value = [{"role": "user", "content": content}]
    template = Template(content=json.dumps(value), kind="chat")
    if check(template):
        with pytest.raises(ContractError):
            render(template, {})
        return
    entries = parse_messages(template.content)
    assert parse_messages(dump_messages(entries)) == entries
    assert render(template, {}) == entries
