"""Templates of prompts: plain Python that turns content, contract and values into text.

    values ──▶ templates.render ──▶ text or messages
                  │
        syntaxes (plain, mustache, jinja)   variables (declarations)   chat (messages)

Nothing here knows Django or a database.
"""

from prompts.rendering.chat import (
    PLACEHOLDER,
    ROLES,
    ChatEntry,
    Content,
    Message,
    Placeholder,
    content_as_json,
    dump_messages,
    parse_messages,
)
from prompts.rendering.measure import estimate_tokens
from prompts.rendering.parts import Part, find_address_fault, parse_parts
from prompts.rendering.problems import (
    ContractError,
    Problem,
    RenderError,
    SourceLocation,
    TemplateError,
    ValuesError,
    nearest,
)
from prompts.rendering.syntaxes import SYNTAXES, Reference, Use
from prompts.rendering.syntaxes.mustache import fill_partly
from prompts.rendering.syntaxes.nunjucks import UNDEFINED, fill_text
from prompts.rendering.syntaxes.nunjucks import fill_values as fill_free_values
from prompts.rendering.templates import (
    KINDS,
    LONGEST,
    Template,
    check,
    find_placeholders,
    find_references,
    find_uses,
    list_large_data,
    prepare,
    propose_variables,
    render,
)
from prompts.rendering.values import as_text
from prompts.rendering.variables import TYPES, Variable, coerce_values, parse_variables

__all__ = [
    "KINDS",
    "LONGEST",
    "PLACEHOLDER",
    "ROLES",
    "SYNTAXES",
    "TYPES",
    "UNDEFINED",
    "ChatEntry",
    "Content",
    "ContractError",
    "Message",
    "Part",
    "Placeholder",
    "Problem",
    "Reference",
    "RenderError",
    "SourceLocation",
    "Template",
    "TemplateError",
    "Use",
    "ValuesError",
    "Variable",
    "as_text",
    "check",
    "coerce_values",
    "content_as_json",
    "dump_messages",
    "estimate_tokens",
    "fill_free_values",
    "fill_partly",
    "fill_text",
    "find_address_fault",
    "find_placeholders",
    "find_references",
    "find_uses",
    "list_large_data",
    "nearest",
    "parse_messages",
    "parse_parts",
    "parse_variables",
    "prepare",
    "propose_variables",
    "render",
]
