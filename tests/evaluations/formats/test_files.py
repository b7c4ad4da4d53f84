"""No suite reads what lies outside its folder, and none learns what is there."""

import ast
import json
import os
import socket
import time
from pathlib import Path, PurePosixPath

import pytest

from evaluations.engine.errors import SuiteError
from evaluations.engine.files import MAX_FILE_BYTES, NO_FILES, Folder, RunFiles, Uploads
from evaluations.suite_files import read_suite, read_suite_in

MARK = "planted-outside-0123456789"
ROOT = Path(__file__).resolve().parents[3]


def plant(base: Path, *, outside: bool) -> Path:
    """Make a folder for suites with links out of it; what they lead to is there or not."""
    room = base / "app" / "suites"
    (room / "inner").mkdir(parents=True)
    (room / "inner" / "text.txt").write_text("inside")
    (room / ".env").write_text(f"KEY={MARK}")
    (room / ".git").mkdir()
    (room / ".git" / "config").write_text(MARK)
    if outside:
        (base / "app" / ".env").write_text(f"KEY={MARK}")
        (base / "secret.txt").write_text(MARK)
        (base / "secrets").mkdir()
        (base / "secrets" / "a.txt").write_text(MARK)
        (base / "app" / "suites-2").mkdir()
        (base / "app" / "suites-2" / "a.txt").write_text(MARK)
    (room / "link.txt").symlink_to(base / "secret.txt")
    (room / "link.yaml").symlink_to(base / "secret.txt")
    (room / "up").symlink_to(base)
    (room / "folder").symlink_to(base / "secrets")
    (room / "twice.txt").symlink_to("link.txt")
    (room / "environ.txt").symlink_to("/proc/self/environ")
    (room / "environ.yaml").symlink_to("/proc/self/environ")
    (room / "hidden.txt").symlink_to(".env")
    (room / "loop.txt").symlink_to("loop.txt")
    os.mkfifo(room / "fifo.txt")
    (room / "zero.txt").symlink_to("/dev/zero")
    return room


def in_vars(reference):
    return {"prompts": ["x"], "tests": [{"vars": {"a": reference}}]}


def in_assertion(assertion):
    return {"prompts": ["x"], "tests": [{"assert": [assertion]}]}


OUTSIDE = [
    "file:///etc/passwd",
    "file://../../secret.txt",
    "file://../.env",
    "file://inner/../../.env",
    "file://./.././.env",
    "file://~/.ssh/id_rsa",
    "file:////etc/passwd",
    "file://../suites-2/a.txt",
    "file://link.txt",
    "file://twice.txt",
    "file://up/secret.txt",
    "file://folder/a.txt",
    "file://environ.txt",
    "file://zero.txt",
    "file://.env",
    "file://.git/config",
    "file://hidden.txt",
    "file://inner/../.env",
    # Patterns: each of what they stand for is looked at, not the text before.
    "file://{.,x}{.,y}/.en[v]",
    "file://{.,x}{.,y}/{.,x}{.,y}/secret.tx[t]",
    "file://{..,b}/{..,c}/secret.txt",
    "file://{/etc/passwd,b}",
    "file:///etc/pass*",
    "file://{..,}/*",
    "file://inner/{..,x}/{..,x}/*.txt",
    "file://up/*.txt",
    "file://up/**/*.txt",
    "file://folder/*",
    "file://{folder,x}/a.txt",
    "file://lin[k].txt",
    "file://environ.*",
    "file://.e*",
    "file://.[a-z]*",
    "file://{.env,x}",
    "file://{.,}env",
]
ODD = [
    "file://fifo.txt",
    "file://loop.txt",
    "file://inner",
    "file://",
    "file://.",
    "file://a\0b",
    "file://" + "a/" * 3000 + "b",
    "file://" + "n" * 3000,
    "file://\ud800.txt",
    "file://" + "{a,b}" * 24 + ".yaml",
    "file://" + "{a,b" * 300 + "}" * 300,
    "file://" + "**/" * 400 + "none.txt",
    "file://[",
    "file://" + "*a" * 100 + "b",
    "file://inner/text.txt/more",
]
PLACES = {
    "vars": in_vars,
    "files of vars": lambda name: {"prompts": ["x"], "tests": [{"vars": name}]},
    "prompt": lambda name: {"prompts": [name], "tests": [{}]},
    "prompt by id": lambda name: {"prompts": [{"id": name, "label": "p"}]},
    "tests": lambda name: {"prompts": ["x"], "tests": name},
    "path of tests": lambda name: {"prompts": ["x"], "tests": [{"path": name}]},
    "value": lambda name: in_assertion({"type": "contains", "value": name}),
    "value in a list": lambda name: in_assertion({"type": "contains-any", "value": [name]}),
    "value in a set": lambda name: in_assertion(
        {"type": "assert-set", "assert": [{"type": "is-json", "value": name}]}
    ),
    "provider": lambda name: {"providers": [name], "tests": [{}]},
    "setting": lambda name: {"providers": [{"id": "echo", "config": {"a": [name]}}]},
    "default": lambda name: {"defaultTest": name},
    "default's vars": lambda name: {"defaultTest": {"vars": {"a": name}}, "tests": [{}]},
    "scenarios": lambda name: {"scenarios": name},
    "scenario's tests": lambda name: {"scenarios": [{"config": [{}], "tests": name}]},
    "recorded answers": lambda name: {
        "providers": [f"replay:{name.removeprefix('file://')}"], "tests": [{}]
    },
    "reference": lambda name: {"tests": [{"$ref": f"{name.removeprefix('file://')}#/a"}]},
}  # fmt: skip


def refusal(read):
    """Return the sentence of a refusal; it came soon, on one line, and gives nothing away."""
    start = time.process_time()
    with pytest.raises(SuiteError) as caught:
        read()
    assert time.process_time() - start < 2
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert MARK not in sentence
    return sentence


def attempt(room, config):
    path = room / "suite.json"
    path.write_text(json.dumps(config))
    return refusal(lambda: read_suite(path))


@pytest.mark.parametrize("reference", OUTSIDE)
def test_nothing_outside_is_read_or_told_of(tmp_path, reference):
    there, gone = (plant(tmp_path / str(flag), outside=flag) for flag in (True, False))
    sentences = [attempt(room, in_vars(reference)) for room in (there, gone)]
    assert sentences[0].replace(str(there), "") == sentences[1].replace(str(gone), "")
    assert any(
        part in sentences[0]
        for part in ("is outside the", "is hidden", "not a regular file", "no file matches")
    )


@pytest.mark.parametrize("reference", ODD)
def test_names_of_no_file(tmp_path, reference):
    attempt(plant(tmp_path, outside=True), in_vars(reference))


@pytest.mark.parametrize(
    "reference", ["file:///etc/passwd", "file://link.yaml", "file://up/a.yaml"]
)
@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_file_can_be_named(tmp_path, place, reference):
    room = plant(tmp_path, outside=True)
    assert "is outside the configuration's folder" in attempt(room, PLACES[place](reference))
    if place == "recorded answers":
        return  # an import takes the cases alone
    contents = {"s.json": json.dumps(PLACES[place](reference)).encode()}
    sentence = refusal(lambda: read_suite_in(Uploads(contents), "s.json"))
    assert "outside the" in sentence or "was not uploaded" in sentence


@pytest.mark.parametrize("reference", [*OUTSIDE, *ODD])
def test_of_an_upload_no_file_of_this_machine_exists(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(plant(tmp_path, outside=True))
    contents = {"s.json": json.dumps(in_vars(reference)).encode()}
    refusal(lambda: read_suite_in(Uploads(contents), "s.json"))


@pytest.mark.parametrize("name", ["../.env", "/etc/passwd", "link.csv", "environ.csv", "zero.csv"])
def test_a_cell_of_a_table_names_no_file_outside(tmp_path, name):
    room = plant(tmp_path, outside=True)
    for link, target in (("link", "../../secret.txt"), ("environ", "/proc/self/environ")):
        (room / f"{link}.csv").symlink_to(target)
    (room / "zero.csv").symlink_to("/dev/zero")
    path = room / "t.csv"
    path.write_text(f"q,__expected\nx,contains:file://{name}\n")
    refusal(lambda: read_suite(path))
    # The table itself may be no link out of its folder either.
    if not name.startswith((".", "/")):
        refusal(lambda: read_suite(room / name))


def test_a_configuration_may_not_be_a_link_out_of_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANTED_KEY", MARK)
    room = plant(tmp_path, outside=True)
    for name in ("environ.yaml", "link.yaml"):
        refusal(lambda name=name: read_suite(room / name))
    refusal(lambda: read_suite(Path("/proc/self/environ")))
    (room / "env.yaml").symlink_to(".env")
    assert "hidden" in refusal(lambda: read_suite(room / "env.yaml"))
    # A folder on the way may be a link: it was typed, and its own files are read.
    (room / "suite.yaml").write_text(
        "prompts: [x]\ntests: [{vars: {a: 'file://inner/text.txt'}}]\n"
    )
    (tmp_path / "short").symlink_to(room)
    assert read_suite(tmp_path / "short" / "suite.yaml").cases[0].variables == {"a": "inside"}
    (room / "same.yaml").symlink_to("suite.yaml")
    assert read_suite(room / "same.yaml").cases[0].variables == {"a": "inside"}


def test_what_lies_inside_is_read(tmp_path):
    room = plant(tmp_path, outside=True)
    (room / "inner" / "more").mkdir()
    (room / "inner" / "more" / "b.txt").write_text("b")
    (room / "inner" / "near.txt").symlink_to("more/b.txt")
    names = {
        "file://inner/text.txt": ["inside"],
        "file://./inner//text.txt": ["inside"],
        "file://inner/../inner/text.txt": ["inside"],
        f"file://{room}/inner/text.txt": ["inside"],
        "file://inner/near.txt": ["b"],
        "file://inner/*.txt": ["b", "inside"],
        "file://inner/**/*.txt": ["b", "b", "inside"],
        "file://inner/**": ["b", "b", "inside"],
        "file://{inner,none}/te?t.txt": ["inside"],
        "file://inner/{text,near}.txt": ["b", "inside"],
        "file://inner/**/**/b.txt": ["b"],
        "file://inner/[tn]e*.txt": ["b", "inside"],
    }
    for reference, texts in names.items():
        (room / "suite.json").write_text(json.dumps(in_vars(reference)))
        cases = read_suite(room / "suite.json").cases
        assert sorted(case.variables["a"] for case in cases) == texts, reference


@pytest.mark.parametrize("key", ["tests", "providers", "scenarios"])
def test_lists_that_name_each_other_without_end(tmp_path, key):
    path = tmp_path / "suite.json"
    path.write_text(json.dumps({"prompts": ["x"], key: "file://a.yaml"}))
    (tmp_path / "a.yaml").write_text("- file://b.yaml\n- file://b.yaml\n")
    (tmp_path / "b.yaml").write_text("- file://a.yaml\n")
    sentence = refusal(lambda: read_suite(path))
    assert "refers back to itself" in sentence or key == "scenarios"
    for number in range(30):  # each names the next one four times
        text = f"- file://{number + 1}.yaml\n" * 4
        (tmp_path / f"{number}.yaml").write_text(text)
    (tmp_path / "30.yaml").write_text("[]")
    path.write_text(json.dumps({"prompts": ["x"], key: "file://0.yaml"}))
    sentence = refusal(lambda: read_suite(path))
    assert "refer to more than 2,000 files" in sentence or key == "scenarios"


def test_what_was_uploaded_is_read():
    suite = {"prompts": ["file://p/*.txt"], "tests": [{"vars": {"a": "file://p/{x,y}.txt"}}]}
    contents = {"s.json": json.dumps(suite).encode(), "p/x.txt": b"X", "p/y.txt": b"Y"}
    cases = read_suite_in(Uploads(contents), "s.json").cases
    assert [case.variables["a"] for case in cases] == ["X", "Y"]
    del contents["p/x.txt"], contents["p/y.txt"]
    contents["s.json"] = json.dumps(in_vars("file://p/x.txt")).encode()
    with pytest.raises(SuiteError, match=r"“p/x\.txt” was not uploaded; upload it together with"):
        read_suite_in(Uploads(contents), "s.json")


def test_a_file_that_is_swapped_while_it_is_read(tmp_path, monkeypatch):
    """A folder becomes a link after it was looked at: it is opened without following links."""
    room = plant(tmp_path, outside=True)
    (room / "real").mkdir()
    (room / "real" / "a.txt").write_text("inside")
    folder = Folder(room)
    name = folder.locate("real/a.txt")
    resolve = Folder.resolve

    def resolve_and_swap(self, relative, shown=""):
        parts = resolve(self, relative, shown)
        (room / "real").rename(room / "was")
        (room / "real").symlink_to(tmp_path / "secrets")
        return parts

    monkeypatch.setattr(Folder, "resolve", resolve_and_swap)
    with pytest.raises(SuiteError, match=r"^a\.txt cannot be read: "):
        folder.read(name)


def test_large_files_and_odd_kinds(tmp_path):
    folder = Folder(tmp_path)
    with (tmp_path / "large.txt").open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name, sentence in (("large.txt", "is larger than 64 MB"), ("socket", "not a regular")):
            with pytest.raises(SuiteError, match=sentence):
                folder.read(PurePosixPath(name))
    with pytest.raises(SuiteError, match=r"gone\.txt cannot be read: No such file"):
        folder.read(folder.locate("gone.txt"))


def test_a_file_with_a_key_of_ours_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("use sk-live-0123456789 for it")
    folder = Folder(tmp_path, secrets={"OPENAI_API_KEY": "sk-live-0123456789", "OTHER": "use"})
    with pytest.raises(SuiteError, match="contains the value of OPENAI_API_KEY") as caught:
        folder.read(folder.locate("notes.txt"))
    assert "sk-live" not in str(caught.value)
    assert "sk-live" not in repr(vars(caught.value))


def test_patterns_are_looked_for_within_bounds(tmp_path):
    inner = tmp_path
    for number in range(30):
        inner = inner / f"d{number}"
        inner.mkdir()
        (inner / f"{'a' * 40}.txt").touch()
    folder = Folder(tmp_path)
    start = time.process_time()
    assert folder.match("**/" * 30 + "*a" * 20 + "b") == []
    assert len(folder.match("**/*.txt")) == 30
    uploads = Uploads({f"{'a/' * 90}{number}.txt": b"" for number in range(500)})
    with pytest.raises(SuiteError, match="patterns match too many files"):
        for number in range(2000):
            uploads.match(f"**/**/{number}{{a,b}}*")
    assert time.process_time() - start < 8


ENVIRONMENT = [
    "{{ env.OPENAI_API_KEY }}",
    "{{env.ANTHROPIC_API_KEY}}",
    "{{ env['OPENAI_API_KEY'] }}",
    '{{ env["TURSO_AUTH_TOKEN"] }}',
    "{{ env . SECRET_KEY }}",
    "{% if env.REDIS_PASSWORD %}x{% endif %}",
    "{{ 'a' ~ env.AWS_SECRET_ACCESS_KEY }}",
    "{{ env.DATABASE_URL }}",
    "{{ env.HOME }} {{ env.CLERK_SECRET_KEY }}",
    "{{ env.GITHUB_TOKEN | upper }}",
]


@pytest.mark.parametrize("text", ENVIRONMENT)
def test_a_key_enters_no_template_and_no_case(tmp_path, text):
    path = tmp_path / "suite.json"
    (tmp_path / "p.txt").write_text(text)
    for config in (in_vars(text), {"prompts": [text]}, {"prompts": ["file://p.txt"]}):
        path.write_text(json.dumps(config))
        assert "neither of which may enter prompts, cases or answers" in refusal(
            lambda: read_suite(path)
        )


def test_other_variables_are_empty_and_that_is_said(tmp_path):
    path = tmp_path / "suite.json"
    path.write_text(json.dumps({"prompts": ["{{ env.HOME }}"], "tests": [{"vars": {"a": "b"}}]}))
    suite = read_suite(path)
    assert "HOME renders as empty text: of what is uploaded, only the file's own" in str(
        suite.warnings
    )
    assert os.environ["HOME"] not in repr(suite)


def test_recorded_answers_are_read_where_a_person_said(tmp_path, monkeypatch):
    (tmp_path / "suites").mkdir()
    recorded, outside = tmp_path / "suites" / "a.json", tmp_path / "b.json"
    for path in (recorded, outside):
        path.write_text("[]")
    monkeypatch.chdir(tmp_path)
    folder = Folder(tmp_path / "suites")
    assert RunFiles(folder=folder).read("a.json") == b"[]"
    assert RunFiles(folder=folder).full_name("a.json") == str(recorded)
    assert RunFiles(typed=frozenset({"b.json"})).read("b.json") == b"[]"
    assert RunFiles(typed=frozenset({"b.json"})).full_name("b.json") == str(outside)
    for files, name in (
        (RunFiles(folder=folder), "../b.json"),
        (RunFiles(folder=folder), str(outside)),
        (RunFiles(folder=folder), "/dev/zero"),
        (RunFiles(typed=frozenset({"/dev/zero"})), "/dev/zero"),
        (RunFiles(typed=frozenset({"/proc/self/environ"})), "/proc/self/environ"),
        (NO_FILES, "b.json"),
    ):
        with pytest.raises(SuiteError):
            files.read(name)
    # A page says the same of a file that is there and of one that is not.
    answers = set()
    for name in ("/etc/passwd", "/no/such/file", "/dev/zero"):
        with pytest.raises(SuiteError) as caught:
            NO_FILES.read(name)
        answers.add(str(caught.value))
    assert len(answers) == 1


OPENING = {
    *("open", "read_text", "read_bytes", "write_text", "write_bytes", "glob", "rglob", "iterdir"),
    *("scandir", "listdir", "walk", "exists", "is_file", "is_dir", "stat", "lstat"),
    *("realpath", "expanduser", "fdopen", "ZipFile", "fopen", "load_workbook", "unlink", "touch"),
}
# The local models' own files, below data/models: no text of a suite names them.
OPERATORS = {
    "engine/providers/local.py",
    "engine/providers/local_embeddings.py",
    "engine/providers/identity.py",
}
# Of bytes or of values, not of files.
HARMLESS = {
    ("promptfoo/files.py", "load_workbook"),
    ("promptfoo/files.py", "exists"),  # `Files.exists`
    ("promptfoo/prompts.py", "exists"),  # `Files.exists`
    ("engine/providers/resolving.py", "resolve"),  # names of hosts
}


def test_one_module_of_the_engine_opens_files():
    app = ROOT / "evaluations"
    opened = set()
    for path in (*app.glob("engine/**/*.py"), *app.glob("promptfoo/**/*.py")):
        name = str(path.relative_to(app))
        if name == "engine/files.py" or name in OPERATORS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            function = node.func if isinstance(node, ast.Call) else node
            called = getattr(function, "attr", None) or getattr(function, "id", None)
            if called in OPENING and isinstance(node, ast.Call | ast.Attribute):
                opened.add((name, called))
    assert opened <= HARMLESS
