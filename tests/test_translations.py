"""Catalogues are complete, compiled, and in step with the sources."""

import ast
import gettext
import re
from pathlib import Path

import pytest
import unfold
from django.apps import apps
from django.utils.translation import override

CATALOGUES = ["locale/ja", "locale_theme/ja", "locale_theme/en"]
ROOT = Path(__file__).resolve().parent.parent
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
TEXT = r'((?:"(?:[^"\\]|\\.)*"\n)+)'
ENTRY = re.compile(rf"^msgid {TEXT}(?:msgid_plural {TEXT})?msgstr(?:\[0\])? {TEXT}", re.MULTILINE)
LINE = re.compile(r'"((?:[^"\\]|\\.)*)"\n')


def entries(folder: str) -> dict[str, str]:
    text = (ROOT / folder / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    assert "#, fuzzy" not in text
    found = {}
    for parts in ENTRY.findall(f"{text}\n"):
        key, _plural, value = ("".join(LINE.findall(part)) for part in parts)
        if key:  # the first one is the head of the file
            found[key.encode().decode("unicode_escape").encode("latin-1").decode()] = value
    return found


@pytest.mark.parametrize("folder", CATALOGUES)
def test_every_text_has_a_translation_that_is_compiled(folder):
    found = entries(folder)
    assert found
    assert [key for key, value in found.items() if not value] == []
    with (ROOT / folder / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for key, value in found.items():
        plain = value.encode().decode("unicode_escape").encode("latin-1").decode()
        assert compiled.ngettext(key, key, 1) == plain or compiled.gettext(key) == plain


def test_every_text_of_the_sources_is_in_the_catalogue():
    known = entries("locale/ja")
    calls = re.compile(r'\b_\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')
    single = re.compile(r"\b_\('([^']*)'\)")
    texts = set()
    for package in ("autoforge", "core", "evaluations", "prompts"):
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            for match in calls.findall(source):
                texts.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match)))
            texts |= set(single.findall(source))
    for path in (ROOT / "templates").rglob("*.html"):
        source = path.read_text(encoding="utf-8")
        # Django's templates look a text up with each % doubled.
        found = re.findall(r'\{%\s*translate "([^"]*)"', source)
        texts |= {text.replace("%", "%%") for text in found}
    unescaped = {text.replace('\\"', '"') for text in texts}
    assert len(unescaped) > 150
    assert sorted(unescaped - set(known)) == []


def test_every_text_of_the_catalogue_is_used():
    strings = set()
    for package in ("autoforge", "core", "evaluations", "prompts"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    # How scorers compare is translated without the word that nothing is changed.
                    strings.add(node.value.removeprefix("none; "))
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "templates").rglob("*.html"))
    quoted = pages.replace("'", '"')
    unused = []
    for text in entries("locale/ja").keys() - strings:
        # Django's templates write a parameter as {{ name }}, and a % once.
        block = re.sub(r"%\((\w+)\)s", r"{{ \1 }}", text).replace("%%", "%")
        if f'"{text}"'.replace("%%", "%") not in quoted and f"}}{block}{{%" not in pages:
            unused.append(text)
    assert unused == []


@pytest.mark.parametrize("folder", ["locale_theme/ja", "locale_theme/en"])
def test_every_text_of_the_theme_is_still_in_its_sources(folder):
    sources = [
        path.read_text(encoding="utf-8")
        for path in Path(unfold.__file__).parent.rglob("*")
        if path.suffix in {".html", ".py"}
    ]
    assert [text for text in entries(folder) if not any(text in page for page in sources)] == []


def test_every_model_and_field_speaks_japanese():
    models = [
        model
        for app in ("events", "prompts", "evaluations")
        for model in apps.get_app_config(app).get_models()
    ]
    with override("ja"):
        for model in models:
            assert JAPANESE.search(str(model._meta.verbose_name))
            for field in model._meta.concrete_fields:
                assert JAPANESE.search(str(field.help_text)), field
                assert field.name == "id" or JAPANESE.search(str(field.verbose_name)), field
