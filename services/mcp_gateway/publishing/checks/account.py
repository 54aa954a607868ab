"""Reviewers sign in and call every tool."""

from collections.abc import Iterator

from mcp_gateway.publishing.finding import Finding, Submission


def account(submission: Submission) -> Iterator[Finding]:
    """Report a missing test account, one without data, and one that takes a second factor."""
    given = submission.listing.test_account
    if given is None:
        yield Finding(
            rule="account",
            place=submission.at("test_account"),
            message="missing",
            fix="make an account with data for reviewers, and describe it without its password",
        )
        return
    for key in ("user", "sign_in", "data"):
        if not getattr(given, key).strip():
            place = submission.at(f"test_account.{key}")
            yield Finding(rule="account", place=place, message="empty", fix="describe it")
    if given.two_factor:
        yield Finding(
            rule="account",
            place=submission.at("test_account.two_factor"),
            message="reviewers can't receive codes",
            fix="exempt the account from the second factor",
        )
