"""The admin of prompts: parses, calls one service, answers.

`prompts` the prompts' own pages, `pages` what hangs on one prompt (preview, diff, labels),
`bulk` actions on many, `versions`, `templates`, `labels` the other tables, `cells` bits of HTML.
"""

from prompts.admin.labels import LabelRuleAdmin
from prompts.admin.prompts import PromptAdmin
from prompts.admin.templates import PromptTemplateAdmin
from prompts.admin.versions import PromptVersionAdmin

__all__ = ["LabelRuleAdmin", "PromptAdmin", "PromptTemplateAdmin", "PromptVersionAdmin"]
