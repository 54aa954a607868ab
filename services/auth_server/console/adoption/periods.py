"""The periods of these pages, in days of UTC."""

from collections.abc import Mapping

from auth_server.administration.usage import Days
from auth_server.rendering.translation import translatable

PERIODS: Mapping[Days, str] = {
    1: translatable("Today"),
    7: translatable("7 days"),
    30: translatable("30 days"),
}
"""The title of each number of days."""
