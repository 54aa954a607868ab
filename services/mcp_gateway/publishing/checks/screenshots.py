"""Reviewers see what hosts show of answers, if tools have apps."""

from collections.abc import Iterator

from mcp_gateway.publishing.finding import Finding, Submission
from mcp_gateway.publishing.pictures import PictureError, read_picture

_LEAST, _MOST = 3, 5
_NARROWEST = 1000


def screenshots(submission: Submission) -> Iterator[Finding]:
    """Report too few or too many screenshots of apps, and those that are not wide enough."""
    given = submission.listing.screenshots
    apps = [name for name, tool in submission.catalogue.tools.items() if tool.app is not None]
    if apps and not _LEAST <= len(given) <= _MOST:
        message = f"{len(given)} of {_LEAST} to {_MOST} screenshots, since {apps[0]} has an app"
        fix = "take pictures of answers alone, without the conversation"
        yield _finding(submission, "screenshots", message, fix)
    for number, file in enumerate(given):
        try:
            size = read_picture(submission.file.parent, file).size
        except PictureError as error:
            problem = str(error)
        else:
            if size is not None and size[0] >= _NARROWEST:
                continue
            problem = f"{file} is not a PNG of at least {_NARROWEST} pixels' width"
        yield _finding(submission, f"screenshots[{number}]", problem, "take it again")


def _finding(submission: Submission, key: str, message: str, fix: str) -> Finding:
    return Finding(rule="screenshots", place=submission.at(key), message=message, fix=fix)
