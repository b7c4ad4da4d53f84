"""Templates of texts that belong to no stored prompt, read as promptfoo reads its prompts."""

import json
from dataclasses import replace

from evaluations.engine.scripts import PROMPT
from prompts.rendering import (
    UNDEFINED,
    Placeholder,
    Template,
    TemplateError,
    fill_free_values,
    fill_text,
    parse_messages,
    propose_variables,
)

__all__ = ["fill_free_values", "fill_text", "free_template", "with_affixes"]


def free_template(text: str) -> Template:
    """Return the template of a text that belongs to no prompt, such as a file's.

    It is read as promptfoo reads prompts: Nunjucks, and in JSON each text is filled by itself.
    Which messages it then means is left to `chats`; only a chat with places for more messages,
    which promptfoo does not have, is one from the beginning. Its variables are all optional.

    Examples:
        >>> template = free_template("Translate {{ text }} into {{ language }}.")
        >>> [variable.name for variable in template.variables]
        ['text', 'language']
        >>> render(template, {"text": "hello", "language": "Japanese"})
        'Translate hello into Japanese.'
    """
    if text.startswith(PROMPT):
        return Template(content=text, syntax="plain")  # a function makes the text of each case
    template = Template(content=text, syntax="nunjucks-json" if _is_json(text) else "nunjucks")
    if _has_placeholder(text):
        template = replace(template, kind="chat", syntax="nunjucks-value")
    # As in promptfoo, what a test does not set is undefined, and no error.
    variables = [
        replace(variable, required=False, type="json", default=UNDEFINED)
        for variable in propose_variables(template)
    ]
    return replace(template, variables=tuple(variables))


def _has_placeholder(text: str) -> bool:
    try:
        entries = parse_messages(text)
    except TemplateError:
        return False
    return any(isinstance(entry, Placeholder) for entry in entries)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def with_affixes(template: Template, before: str, after: str) -> Template:
    """Return a free template with texts around it; one of a stored prompt stays as it is.

    Examples:
        >>> template = with_affixes(free_template("{{ question }}"), "Be brief. ", "")
        >>> render(template, {"question": "Why?"})
        'Be brief. Why?'
    """
    if not (before or after) or not template.syntax.startswith("nunjucks"):
        return template
    return free_template(before + template.content + after)
