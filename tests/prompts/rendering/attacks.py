"""The table of attacks on templates, and a program that tries each in a process of its own."""

import json
import resource
import sys
import time
import tracemalloc
from typing import Any

HUGE = "x" * 100_000
DOUBLE_TEXT = "".join(f"{{% set a{n + 1} = a{n} ~ a{n} %}}" for n in range(40))
DOUBLE_SUM = "".join(f"{{% set a{n + 1} = a{n} + a{n} %}}" for n in range(40))
SQUARES = "".join(f"{{% set a{n + 1} = a{n} * a{n} %}}" for n in range(40))
NINES = "9" * 30

# Each is refused before it runs, or when what only the values decide passes a limit.
ATTACKS = {
    "class": "{{ ''.__class__ }}",
    "mro": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "item": "{{ x['__class__'] }}",
    "item-concat": "{{ x['__cla' ~ 'ss__'].y }}",
    "attr-filter": "{{ x|attr('__class__') }}",
    "map-attribute": "{{ [x]|map(attribute='__class__')|list }}",
    "selectattr": "{{ [x]|selectattr('__class__')|list }}{{ x.__class__ }}",
    "underscore": "{{ _context }}",
    "self": "{{ self.__init__.__globals__ }}",
    "cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "joiner": "{{ joiner('x') }}",
    "lipsum": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "lipsum-call": "{{ lipsum(n=10**9) }}",
    "namespace": "{% set ns = namespace(a=1) %}{{ ns.a }}",
    "config": "{{ config.items() }}",
    "request": "{{ request.application.__globals__ }}",
    "url_for": "{{ url_for.__globals__ }}",
    "dict": "{{ dict(a=1) }}",
    "method": "{{ x.upper() }}",
    "format-method": "{{ '{0.__class__}'.format(x) }}",
    "format-map": "{{ '{x.__class__}'.format_map({'x': x}) }}",
    "format-filter": "{{ '%1000000000d'|format(1) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "percent-value": "{{ x % 1000000000 }}",
    "repeat": "{{ 'a' * 10**9 }}",
    "repeat-number": "{{ 'a' * 1000000000 }}",
    "repeat-value": "{{ x * 1000000000 }}",
    "repeat-list": "{{ [1] * 1000000000 }}",
    "repeat-list-value": "{{ items * 1000000000 }}",
    "power": "{{ 9**9**9**9 }}",
    "power-number": "{{ n ** 1000000000 }}",
    "squares": f"{{% set a0 = {NINES} %}}{SQUARES}{{{{ a40 }}}}",
    "center": "{{ x|center(1000000000) }}",
    "rjust": "{{ x.rjust(2*10**9) }}",
    "ljust": "{{ 'a'.ljust(2000000000) }}",
    "zfill": "{{ 'a'.zfill(2000000000) }}",
    "wordwrap": "{{ x|wordwrap(1) }}",
    "indent": "{{ x|indent(1000000000, true) }}",
    "indent-many": "{{ lines|indent(100, true) }}",
    "tojson-indent": "{{ items|tojson(1000000000) }}",
    "round": "{{ 1.5|round(1000000000) }}",
    "round-ceil": "{{ 1.5|round(1000000000, 'ceil') }}",
    "batch": "{{ items|batch(1000000000, 'x')|list }}",
    "slice-filter": "{{ items|slice(1000000000)|list }}",
    "random": "{{ items|random }}",
    "xmlattr": "{{ {'a b': 1}|xmlattr }}",
    "urlize": "{{ x|urlize }}",
    "pprint": "{{ x|pprint }}",
    "range": "{% for i in range(10**9) %}x{% endfor %}",
    "range-loops": "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "three-loops": "{% for a in items %}{% for b in items %}{% for c in items %}x{% endfor %}"
    "{% endfor %}{% endfor %}",
    "two-loops": "{% for a in items %}{% for b in items %}x{% endfor %}{% endfor %}",
    "two-empty-loops": "{% for a in items %}{% for b in items %}{% endfor %}{% endfor %}",
    "loop-of-lines": "{% for a in items %}{{ lines }}{% endfor %}",
    "recursive": "{% for a in items recursive %}{{ loop(items) }}{% endfor %}",
    "double-text": f"{{% set a0 = x %}}{DOUBLE_TEXT}{{{{ a40 }}}}",
    "double-sum": f"{{% set a0 = x %}}{DOUBLE_SUM}{{{{ a40 }}}}",
    "double-list": "{% set a = [x, x] %}{% set b = [a, a] %}{{ b }}",
    "double-tuple": "{% set a = (x, x) %}{{ a }}",
    "unpack": "{% set a, b = items %}{{ a }}",
    "replace": "{{ x" + "|replace('x', 'xxxxxxxx')" * 12 + " }}",
    "replace-empty": "{{ lines|replace('', lines) }}",
    "join": "{{ items|join(lines) }}",
    "many-texts": "{{ [" + "lines," * 2000 + "] }}",
    "many-in-json": "{{ [" + "lines," * 2000 + "]|tojson }}",
    "many-as-text": "{{ [" + "lines," * 2000 + "]|string }}",
    "macro": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "call-block": "{% call x() %}{% endcall %}",
    "filter-block": "{% filter upper %}x{% endfilter %}",
    "set-block": "{% set a %}x{% endset %}{{ a }}",
    "block": "{% block a %}{% endblock %}",
    "extends": "{% extends 'base.html' %}",
    "import": "{% import 'os' as os %}{{ os }}",
    "from-import": "{% from 'os' import popen %}",
    "include-file": "{% include '/etc/passwd' %}",
    "include-dynamic": "{% include x %}",
    "include-list": "{% include ['a', 'b'] %}",
    "include-ignored": "{% include 'a' ignore missing %}",
    "do": "{% do items.append(1) %}",
    "with": "{% with a = x %}{{ a }}{% endwith %}",
    "debug": "{% debug %}",
    "parentheses": "{{ " + "(" * 60_000 + ")" * 60_000 + " }}",
    "brackets": "{{ " + "[" * 60_000 + " }}",
    "minuses": "{{ " + "-" * 60_000 + "1 }}",
    "nots": "{{ " + "not " * 20_000 + "1 }}",
    "filters": "{{ x" + "|upper" * 15_000 + " }}",
    "attributes": "{{ x" + ".a" * 40_000 + " }}",
    "sums": "{{ x" + " + x" * 20_000 + " }}",
    "ifs": "{% if x %}" * 3_000,
    "long-number": "{{ " + "9" * 100_000 + " }}",
    "long-text": "{{ x }}" + "y" * 2_000_000,
    "open-tags": "\r" + "{{" * 60_000,
    "open-blocks": "\r" + "{%" * 60_000,
    "open-comments": "\r" + "{#" * 60_000,
    "raw": "{% raw %}" * 10_000,
    "many-names": "".join(f"{{{{ v{n} }}}}" for n in range(3_500)),
    "divide": "{{ 1 // 0 }}",
    "undefined": "{{ x.y.z }}",
}
VARIABLES = [
    {"name": "x"},
    {"name": "n", "type": "number"},
    {"name": "items", "type": "list"},
    {"name": "lines"},
]


def values() -> dict[str, Any]:
    return {"x": "x" * 1000, "n": 7, "items": list(range(1000)), "lines": "line\n" * 20_000}


def attempt(content: str) -> str:
    """Return the refusal of an attack, "" where there is none."""
    from prompts.rendering import (
        Template,
        TemplateError,
        check,
        find_uses,
        parse_variables,
        render,
    )

    bare = Template(content=content, syntax="jinja")
    try:
        used = {use.name for use in find_uses(bare)}
        declared = [entry for entry in VARIABLES if entry["name"] in used]
        template = Template(content=content, syntax="jinja", variables=parse_variables(declared))
        given = {entry["name"]: values()[entry["name"]] for entry in declared}
        problems = check(template)
        if problems:
            return str(problems[0])
        render(template, given)
    except TemplateError as error:
        return str(error)
    return ""


def measure(name: str) -> dict[str, Any]:
    """Try an attack twice: for its time, and for its memory, since looking at that takes time."""
    from prompts.rendering import templates

    content = ATTACKS[name]
    started = time.process_time()
    refusal = attempt(content)
    seconds = time.process_time() - started
    templates._parse.cache_clear()
    tracemalloc.start()
    attempt(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"name": name, "refusal": refusal[:300], "seconds": seconds, "peak_bytes": peak}


if __name__ == "__main__":
    # A hole ends this process and not the machine.
    resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    attempt("{% if x %}{{ x|upper }}{% endif %}")
    json.dump([measure(name) for name in ATTACKS], sys.stdout)
