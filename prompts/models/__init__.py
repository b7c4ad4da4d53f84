"""Tables of prompts: what is written, every version of it, labels, and templates to start from.

Rules that the database can hold are constraints here or triggers in the migrations. Rules over
several rows (a content change makes a version) are in `prompts.services`, the only writer.
"""

from prompts.models.content import WORDING_FIELDS, Wording
from prompts.models.prompts import Prompt
from prompts.models.releases import LabelRule, PromptEvent, PromptLabel
from prompts.models.templates import PromptTemplate
from prompts.models.versions import PromptVersion

__all__ = [
    "WORDING_FIELDS",
    "LabelRule",
    "Prompt",
    "PromptEvent",
    "PromptLabel",
    "PromptTemplate",
    "PromptVersion",
    "Wording",
]
