"""Go's text/template as `kubectl -o go-template=` has it, for data as JSON knows it: what kubectl says, or a refusal.

Lives here: reading a template (`lexer`, `grammar`, `nodes`), carrying it out (`run`), its functions (`words`), and how
Go writes a value (`printing`). Never here: files, or methods of objects: the data have none. Read `nodes.py` first.
"""

from rollouts.kit.gotemplate.lexer import GoTemplateError
from rollouts.kit.gotemplate.run import GoTemplate

__all__ = ["GoTemplate", "GoTemplateError"]
