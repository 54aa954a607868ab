"""Directories verify the domain by a document that the gateway serves."""

from collections.abc import Iterator

from mcp_gateway.directories.published import CHALLENGE, PROOF
from mcp_gateway.publishing.finding import Check, Finding, Submission
from mcp_gateway.publishing.listing import REGISTRY_KEY
from mcp_gateway.publishing.proof import load_proof_key, write_proof


def served(document: str) -> Check:
    """Report that the gateway's settings name no folder with the document, or one with a former one."""

    def check(submission: Submission) -> Iterator[Finding]:
        if document == CHALLENGE and not submission.listing.openai_challenge:
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
        elif not _is_current(submission, document):
            yield Finding(
                rule="served",
                place=f"gatepost.yaml: mcp_gateway.published: {document}",
                message="another proof than that of the listing and its key",
                fix="run `gatepost publish --write` again and restart the gateway",
            )

    return check


def _is_current(submission: Submission, document: str) -> bool:
    expected = submission.listing.openai_challenge
    if document == PROOF:
        key = submission.file.with_name(REGISTRY_KEY)
        if not key.exists():  # it may be kept elsewhere
            return True
        expected = write_proof(load_proof_key(key))
    if submission.published is None:
        return False
    try:
        served = (submission.published / document).read_bytes()
    except OSError:
        return False
    return served.strip() == expected.encode()
