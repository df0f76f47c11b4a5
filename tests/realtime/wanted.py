"""Settings by the names of their options, as on the command line."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from typing import Any, get_type_hints

from realtime.settings.all import Settings

GROUPS = get_type_hints(Settings)
GROUP_OF = {field.name: group for group, kind in GROUPS.items() for field in fields(kind)}


def settings(*sources: str, **options: Any) -> Settings:
    """The settings of `run.py --source ... --no-show --quiet` and these options."""
    given: dict[str, dict[str, Any]] = defaultdict(dict)
    for option, value in {"source": sources, "show": False, "quiet": True, **options}.items():
        given[GROUP_OF[option]][option] = value
    return Settings(**{group: GROUPS[group](**values) for group, values in given.items()})
