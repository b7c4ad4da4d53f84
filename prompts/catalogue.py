"""The sentences about prompts, versions, labels and their import. See `core.sentences`."""

from typing import Final

from core.language import gettext_noop
from core.sentences import register

__all__ = ["SENTENCES"]

SENTENCES: Final = register(
    {
        "audit.reason-too-long": gettext_noop("has %(size)d characters; the limit is %(limit)d"),
        "backup.encoding": gettext_noop("%(path)s is not UTF-8; save it as UTF-8"),
        "backup.front-matter-shape": gettext_noop(
            "the front matter must be a mapping of names to values"
        ),
        "backup.front-matter-syntax": gettext_noop("the front matter is not valid YAML%(where)s"),
        "backup.no-front-matter": gettext_noop(
            "%(path)s has no front matter: it must begin and end with a line ---"
        ),
        "backup.unknown-key": gettext_noop(
            "unknown key “%(unknown)s” in the front matter; allowed keys: %(known)s"
        ),
        "backup.value-type": gettext_noop("%(name)s must be %(words)s"),
        "backup.version-number": gettext_noop("number must be a version number, starting at 1"),
        "backup.versions-kept": gettext_noop(
            "%(path)s: its versions are %(known)s; they must be 1 to %(numbers)s, each once, "
            "with the newest in %(path)s"
        ),
        "columns.both": gettext_noop(
            "the column %(name)s cannot be both title and content; choose another with "
            "--title-column or --content-column"
        ),
        "columns.missing": gettext_noop(
            "there is no column %(name)s for the %(role)s; available columns: %(columns)s"
        ),
        "columns.missing-near": gettext_noop(
            "there is no column %(name)s for the %(role)s (did you mean %(near)s?); "
            "available columns: %(columns)s"
        ),
        "columns.not-recognised": gettext_noop(
            "no column was recognised as the %(role)s (%(known)s); available columns: "
            "%(columns)s. Choose one with --%(option)s-column"
        ),
        "export.cell-too-long": gettext_noop(
            "the text of “%(name)s” has %(size)s characters, but an XLSX cell holds at most "
            "%(limit)s; export to another format"
        ),
        "import.choice": gettext_noop("must be one of %(allowed)s"),
        "import.choice-not": gettext_noop("must be one of %(allowed)s, not “%(value)s”"),
        "import.folder-empty": gettext_noop(
            "%(folder)s contains no prompts; export_prompts writes one name.md for each"
        ),
        "import.format": gettext_noop("%(why)s; specify the format with --format %(formats)s"),
        "import.header": gettext_noop("%(place)s, the header: %(what)s"),
        "import.id-form": gettext_noop("must be a UUID or blank"),
        "import.in-trash": gettext_noop("this prompt is in the trash; restore it first"),
        "import.label-target": gettext_noop("“%(label)s” must point to a version number"),
        "import.list": gettext_noop("must be a JSON list in square brackets"),
        "import.object": gettext_noop("must be a JSON object"),
        "import.unreadable": gettext_noop("%(path)s cannot be read: %(error)s"),
        "import.version-differs": gettext_noop(
            "version %(number)s already exists with different content; rename one of the prompts"
        ),
        "label.gate": gettext_noop(
            "“%(label)s” cannot move to version %(number)d because a release check fails "
            "(%(why)s); fix it, or override the check, which requires a permission and a "
            "written reason"
        ),
        "label.missing": gettext_noop("“%(name)s” has no label “%(label)s”"),
        "label.moved": gettext_noop(
            "“%(label)s” has since moved to version %(number)d; review it before moving the label"
        ),
        "label.no-earlier": gettext_noop(
            "the label “%(label)s” of “%(name)s” has no earlier version to return to"
        ),
        "label.override-permission": gettext_noop(
            "moving a label despite failed checks requires the permission “Can move a label "
            "against failed checks” (included in the Administrator role)"
        ),
        "label.override-reason": gettext_noop("an override requires a written reason"),
        "label.permission": gettext_noop("moving labels requires the permission “Can move labels”"),
        "label.protected": gettext_noop(
            "the label “%(label)s” is protected; ask someone with the permission “Can move "
            "protected labels” (included in the Publisher role)"
        ),
        "label.reason": gettext_noop("the label “%(label)s” is protected; enter a reason"),
        "label.version-missing": gettext_noop("“%(name)s” has no version %(number)d"),
        "langfuse.braces": gettext_noop(
            "this version contains literal {{, which the clients of Langfuse would fill; read it "
            "from /api/v1, or let AutoForge render it"
        ),
        "langfuse.delete-version": gettext_noop(
            "versions are never deleted one by one; leave out version and label to move the whole "
            "prompt to the trash"
        ),
        "langfuse.field": gettext_noop("%(name)s %(what)s"),
        "langfuse.json": gettext_noop("the body is not valid JSON: %(what)s"),
        "langfuse.logic": gettext_noop(
            "this version uses Jinja's logic, which the clients of Langfuse cannot fill; let "
            "AutoForge render it with POST /api/v1/prompts/NAME/-/render"
        ),
        "langfuse.message": gettext_noop(
            "has an invalid message %(number)d; it needs a role and a content, both strings"
        ),
        "langfuse.not-chat": gettext_noop("is a string, although its type is chat"),
        "langfuse.number": gettext_noop("%(name)s must be a number from 1 to %(most)s"),
        "langfuse.parts": gettext_noop(
            "message %(number)d contains images or files, which the clients of Langfuse cannot "
            "read; read this version from /api/v1"
        ),
        "langfuse.placeholder": gettext_noop(
            "has a placeholder without a name (message %(number)d)"
        ),
        "langfuse.time": gettext_noop("%(name)s must be a time such as 2026-11-30T12:00:00Z"),
        "prompt.ambiguous": gettext_noop(
            "%(count)d prompts have the title “%(name)s”: use a name (%(choice)s)"
        ),
        "prompt.label-missing": gettext_noop(
            "“%(name)s” has no label “%(label)s”; it has %(labels)s"
        ),
        "prompt.missing": gettext_noop("there is no prompt “%(key)s”"),
        "prompt.missing-name": gettext_noop("there is no prompt “%(name)s”"),
        "prompt.missing-near": gettext_noop(
            "there is no prompt “%(name)s”; did you mean “%(near)s”?"
        ),
        "prompt.name-taken": gettext_noop("a prompt with the name “%(name)s” already exists"),
        "prompt.no-version": gettext_noop("the prompt has no version %(number)d"),
        "prompt.stale": gettext_noop(
            "“%(title)s” is now at version %(newest)d, but this edit started from version "
            "%(began)d; review the newer version, then edit again"
        ),
        "prompt.version-missing": gettext_noop("prompt “%(key)s” has no version %(number)d"),
        "prompt.version-missing-of": gettext_noop(
            "“%(name)s” has no version %(number)d; it has 1 to %(newest)d"
        ),
        "role.content": gettext_noop("content"),
        "role.title": gettext_noop("title"),
        "template.chat-empty": gettext_noop(
            "the chat has no messages; provide at least one for the placeholders (%(names)s)"
        ),
        "template.chat-json": gettext_noop(
            "a chat must be a JSON list of messages, each with role and content: %(reason)s"
        ),
        "template.chat-list": gettext_noop(
            "a chat must be a JSON list of at least one message, each with role and content"
        ),
        "template.chat-message": gettext_noop(
            "a message must have only a role and a content that is a string or a list of parts; "
            "this one has %(found)s"
        ),
        "template.chat-role": gettext_noop("unknown role “%(role)s”; allowed roles: %(allowed)s"),
        "template.declaration-default": gettext_noop(
            "the variable “%(name)s” is required and has a default; remove one of the two"
        ),
        "template.declaration-key": gettext_noop(
            "the variable “%(name)s” has an unknown key “%(key)s”; allowed keys: %(allowed)s"
        ),
        "template.declaration-list": gettext_noop(
            "variables must be a list of objects, each with at least a name"
        ),
        "template.declaration-name": gettext_noop(
            "“%(name)s” is not a valid variable name; use letters of any script, digits and "
            "_, do not start with a digit or _, and avoid reserved words of the template "
            "language"
        ),
        "template.declaration-required": gettext_noop(
            "required of the variable “%(name)s” must be true or false"
        ),
        "template.declaration-text": gettext_noop(
            "%(key)s of the variable “%(name)s” must be a string"
        ),
        "template.declaration-twice": gettext_noop("the variable “%(name)s” is declared twice"),
        "template.declaration-type": gettext_noop(
            "the variable “%(name)s” has an unknown type “%(type)s”; allowed types: %(allowed)s"
        ),
        "template.declaration-value": gettext_noop(
            "the %(key)s of the variable “%(name)s” must be %(expected)s"
        ),
        "template.history-list": gettext_noop(
            "the placeholder “%(name)s” needs a list of messages, each with role and content, "
            "not %(found)s"
        ),
        "template.history-size": gettext_noop(
            "the placeholder “%(name)s” has more than %(limit)d messages; provide fewer"
        ),
        "template.include-chat": gettext_noop(
            "“%(reference)s” is a chat; only text prompts can be included"
        ),
        "template.include-cycle": gettext_noop(
            "“%(reference)s” includes this prompt; remove one of the two includes"
        ),
        "template.include-depth": gettext_noop(
            "“%(reference)s” has includes nested more than %(limit)d levels deep; include one of "
            "the inner prompts directly"
        ),
        "template.include-form": gettext_noop(
            "an include must contain a single prompt name in quotes, such as {%% include "
            '"tone@production" %%}'
        ),
        "template.include-missing": gettext_noop(
            "“%(reference)s” cannot be included because it does not exist; use the name of a "
            "prompt in use and one of its labels"
        ),
        "template.jinja-attribute": gettext_noop(
            "“%(name)s” cannot be accessed: names that start with _ are private"
        ),
        "template.jinja-depth": gettext_noop(
            "the template is too large for Jinja (at most %(tags)d tags of %(length)d "
            "characters, nested %(limit)d levels deep); simplify it"
        ),
        "template.jinja-filter": gettext_noop(
            "unknown filter “%(name)s”; available filters: %(allowed)s"
        ),
        "template.jinja-filter-near": gettext_noop(
            "unknown filter “%(name)s”; did you mean “%(near)s”?"
        ),
        "template.jinja-loops": gettext_noop("loops can be nested at most two levels deep"),
        "template.jinja-refused": gettext_noop(
            "%(construct)s is not allowed; a prompt may use {{ name }}, {%% if %%}, {%% for "
            "%%}, {%% set %%}, {%% include %%} and filters"
        ),
        "template.jinja-syntax": gettext_noop("invalid Jinja: %(reason)s"),
        "template.jinja-test": gettext_noop(
            "unknown test “%(name)s”; available tests: %(allowed)s"
        ),
        "template.jinja-test-near": gettext_noop(
            "unknown test “%(name)s”; did you mean “%(near)s”?"
        ),
        "template.limit-busy": gettext_noop(
            "rendering is taking too long because other templates are being rendered; try "
            "again in a moment"
        ),
        "template.limit-ended": gettext_noop(
            "rendering stopped unexpectedly; shorten the values or simplify the template"
        ),
        "template.limit-memory": gettext_noop(
            "rendering needs more than %(megabytes)d MB of memory; shorten the values or "
            "simplify the template"
        ),
        "template.limit-time": gettext_noop(
            "rendering takes more than %(seconds)g s of CPU time; shorten the values or "
            "simplify the template"
        ),
        "template.missing": gettext_noop("the variable “%(name)s” needs a value (%(expected)s)"),
        "template.mustache-form": gettext_noop(
            "“%(found)s” is not a variable; write {{ name }}, or \\{{ for literal braces; "
            "choose jinja if you need logic, or plain to keep every brace"
        ),
        "template.mustache-open": gettext_noop(
            "{{ is not closed; write {{ name }}, or \\{{ for literal braces"
        ),
        "template.name-taken": gettext_noop("a template with the name “%(name)s” already exists"),
        "template.no-entry": gettext_noop(
            "the object has no “%(entry)s”; add it to the value, or provide a fallback with "
            "| default('…')"
        ),
        "template.no-entry-of-text": gettext_noop(
            "a string has no “%(entry)s”; declare the variable as JSON and pass an object, "
            "or use a filter such as | title"
        ),
        "template.no-entry-of-value": gettext_noop(
            "only objects have properties, but “%(entry)s” is read from another type; "
            "declare the variable as JSON and pass an object"
        ),
        "template.no-member": gettext_noop(
            "the list has no “%(entry)s”; access items by index (from 0) or loop over them"
        ),
        "template.no-text": gettext_noop(
            "only strings, numbers, true, false, lists and objects can be inserted into a prompt"
        ),
        "template.none-known": gettext_noop(
            "unknown variable “%(name)s”; this prompt has no variables"
        ),
        "template.output-size": gettext_noop(
            "the result has more than %(limit)d characters; shorten the values or simplify "
            "the template"
        ),
        "template.part-address": gettext_noop(
            "the address of an image or a file must begin with https:// and a host, or with data:; "
            "“%(found)s” does not"
        ),
        "template.part-address-length": gettext_noop(
            "the address of an image or a file has more than %(limit)d characters; use a shorter "
            "one"
        ),
        "template.part-count": gettext_noop(
            "a content that is a list must have from 1 to %(limit)d parts"
        ),
        "template.part-data": gettext_noop(
            "data must be written as data:TYPE;base64, and base64 after it; “%(found)s” is not"
        ),
        "template.part-form": gettext_noop(
            'a part must be {"type": "text", "text": "…"}, {"type": "image", "url": "…"} or '
            '{"type": "file", "name": "…", "url": "…"}; this one has %(found)s'
        ),
        "template.part-media-type": gettext_noop(
            "data of the type “%(found)s” cannot be sent; allowed here: %(allowed)s"
        ),
        "template.part-size": gettext_noop(
            "the data of an image or a file is larger than %(limit)d MB; make it smaller, or "
            "provide an https:// address"
        ),
        "template.part-stored-size": gettext_noop(
            "a prompt itself holds data of at most %(limit)d KB per image or file; provide larger "
            "ones as a variable, such as {{ picture }}, or by an https:// address"
        ),
        "template.placeholder-keys": gettext_noop(
            "a placeholder must have only a type and a name; this one has %(found)s"
        ),
        "template.placeholder-name": gettext_noop(
            "“%(name)s” is not a valid placeholder name; use letters of any script, digits and "
            "_, do not start with a digit or _, and avoid reserved words of the template "
            "language"
        ),
        "template.placeholder-twice": gettext_noop(
            "the placeholder “%(name)s” stands in the chat twice; rename one of the two"
        ),
        "template.placeholder-variable": gettext_noop(
            "the placeholder “%(name)s” has the name of a variable; rename one of the two"
        ),
        "template.plain-variables": gettext_noop(
            "plain text cannot have variables, but “%(name)s” is declared; choose mustache "
            "or jinja, or remove it"
        ),
        "template.render": gettext_noop("the template cannot be rendered: %(reason)s"),
        "template.too-long": gettext_noop(
            "the text has %(size)d characters; the limit for templates is %(limit)d"
        ),
        "template.too-many-declared": gettext_noop("at most %(limit)d variables can be declared"),
        "template.too-many-rounds": gettext_noop(
            "the loops have more than %(limit)d iterations; pass shorter lists"
        ),
        "template.too-many-variables": gettext_noop(
            "the text uses more than %(limit)d variables; the limit is %(limit)d"
        ),
        "template.undeclared": gettext_noop(
            "“%(name)s” is not declared; declare it as a variable or remove it"
        ),
        "template.undeclared-near": gettext_noop(
            "“%(name)s” is not declared; did you mean “%(near)s”? Otherwise declare it"
        ),
        "template.unknown": gettext_noop(
            "unknown variable “%(name)s”; this prompt has %(allowed)s"
        ),
        "template.unknown-near": gettext_noop(
            "unknown variable “%(name)s”; did you mean “%(near)s”?"
        ),
        "template.unused": gettext_noop(
            "the variable “%(name)s” is declared but not used in the text; use it or remove it"
        ),
        "template.value-size": gettext_noop(
            "the values have more than %(limit)d characters in total; shorten them"
        ),
        "template.value-type": gettext_noop(
            "the variable “%(name)s” must be %(expected)s, not %(found)s"
        ),
        "trash.days": gettext_noop("must be 0 or more"),
    }
)
