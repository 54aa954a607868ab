"""Directories verify the domain by a document that the gateway serves."""

from collections.abc import Iterator

from mcp_gateway.publishing.finding import Check, Finding, Submission


def served(document: str) -> Check:
    """Report that the gateway's settings name no folder with the document."""

    def check(submission: Submission) -> Iterator[Finding]:
        if document == "openai-apps-challenge" and not submission.listing.openai_challenge:
            yield Finding(
                rule="served",
                place=submission.at("openai_challenge"),
                message="missing",
                fix="copy the token that OpenAI's form shows",
            )
        elif not submission.documents[document]:
            yield Finding(
                rule="served",
                place="gatepost.yaml: mcp_gateway.published",
                message=f"the gateway does not serve {document}",
                fix="set it to the folder that `gatepost publish --write` makes",
            )

    return check
